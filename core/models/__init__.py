"""The records core keeps. Plugins point at these; these never point at plugins."""

from core.models.accounts import Account, Domain, Plan, PluginSwitch, Setting, Tenant
from core.models.base import TenantModel
from core.models.people import (
    Customer,
    CustomerAddress,
    OneTimeLink,
    SignIn,
    Throttle,
    User,
)
from core.models.records import Audit, BusMessage, Event, File, Job
from core.models.sessions import EntryPoint, Invitation, Queue, RefusedArrivals, Session

__all__ = [
    "Account",
    "Audit",
    "BusMessage",
    "Customer",
    "CustomerAddress",
    "Domain",
    "EntryPoint",
    "Event",
    "File",
    "Invitation",
    "Job",
    "OneTimeLink",
    "Plan",
    "PluginSwitch",
    "Queue",
    "RefusedArrivals",
    "Session",
    "Setting",
    "SignIn",
    "Tenant",
    "TenantModel",
    "Throttle",
    "User",
]
