"""Everything a plugin may import from core. Anything else may change without notice."""

from __future__ import annotations

from core import addresses, audit, files
from core.access import (
    Principal,
    customer_or_user,
    permitted,
    public,
    signed_in,
    visitor,
)
from core.config import Config
from core.current import service
from core.database import Database, across_tenants
from core.drivers import ONCE, Driver, DriverError, Retry, UnknownDriver, available, load
from core.errors import (
    AppError,
    BadInput,
    Conflict,
    Forbidden,
    LimitReached,
    NotFound,
    Refused,
    TooLarge,
    TooMany,
)
from core.events import CORE_EVENTS, event_lines
from core.hooks import hookimpl
from core.i18n import (
    Context,
    best_match,
    current,
    gettext,
    gettext_noop,
    ngettext,
    switch,
    translate_error,
    using,
)
from core.i18n.formats import format_date, format_datetime, format_time
from core.invitations import SessionOver, new_link
from core.invitations import is_open as is_link_open
from core.jobs import enqueue
from core.lifecycle import OPEN, Channel, EndReason, IllegalMove, SessionState
from core.line import Place, places
from core.models import (
    Customer,
    CustomerAddress,
    EntryPoint,
    Event,
    File,
    Invitation,
    Session,
    Tenant,
    TenantModel,
    User,
)
from core.plugins import (
    Blueprint,
    EventType,
    Incoming,
    JobType,
    MessageType,
    NavItem,
    Permission,
    Plugin,
    Registry,
    StateTopic,
)
from core.presence import Presence
from core.realtime import publish_state
from core.rendering import Page, render, render_fragment
from core.sessions import (
    LinkGone,
    Person,
    Visit,
    admit,
    follow_up,
    in_room,
    invitation_of,
    invite,
    link_url,
    walk_in,
    withdraw_link,
)
from core.sessions import addresses as customer_addresses
from core.sessions import get as get_session
from core.sessions import of_customer as sessions_of_customer
from core.settings import Settings
from core.sign_ins import begin_customer
from core.storage import NoSuchBytes, Storage, Stored
from core.tenancy import Tenancy, TenantView
from core.timeline import SessionEnded, Timeline
from core.values import (
    SYSTEM,
    Action,
    Actor,
    Arrival,
    Draft,
    Fragment,
    Health,
    Notice,
    PersonRef,
    Receipt,
    StoredEvent,
)

__all__ = [
    "CORE_EVENTS",
    "ONCE",
    "OPEN",
    "SYSTEM",
    "Action",
    "Actor",
    "AppError",
    "Arrival",
    "BadInput",
    "Blueprint",
    "Channel",
    "Config",
    "Conflict",
    "Context",
    "Customer",
    "CustomerAddress",
    "Database",
    "Draft",
    "Driver",
    "DriverError",
    "EndReason",
    "EntryPoint",
    "Event",
    "EventType",
    "File",
    "Forbidden",
    "Fragment",
    "Health",
    "IllegalMove",
    "Incoming",
    "Invitation",
    "JobType",
    "LimitReached",
    "LinkGone",
    "MessageType",
    "NavItem",
    "NoSuchBytes",
    "NotFound",
    "Notice",
    "Page",
    "Permission",
    "Person",
    "PersonRef",
    "Place",
    "Plugin",
    "Presence",
    "Principal",
    "Receipt",
    "Refused",
    "Registry",
    "Retry",
    "Session",
    "SessionEnded",
    "SessionOver",
    "SessionState",
    "Settings",
    "StateTopic",
    "Storage",
    "Stored",
    "StoredEvent",
    "Tenancy",
    "Tenant",
    "TenantModel",
    "TenantView",
    "Timeline",
    "TooLarge",
    "TooMany",
    "UnknownDriver",
    "User",
    "Visit",
    "across_tenants",
    "addresses",
    "admit",
    "audit",
    "available",
    "begin_customer",
    "best_match",
    "current",
    "customer_addresses",
    "customer_or_user",
    "enqueue",
    "event_lines",
    "files",
    "follow_up",
    "format_date",
    "format_datetime",
    "format_time",
    "get_session",
    "gettext",
    "gettext_noop",
    "hookimpl",
    "in_room",
    "invitation_of",
    "invite",
    "is_link_open",
    "link_url",
    "load",
    "new_link",
    "ngettext",
    "permitted",
    "places",
    "public",
    "publish_state",
    "render",
    "render_fragment",
    "service",
    "sessions_of_customer",
    "signed_in",
    "switch",
    "translate_error",
    "using",
    "visitor",
    "walk_in",
    "withdraw_link",
]
