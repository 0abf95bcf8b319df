"""Two small businesses to look around in: different plans, languages and colours."""

from __future__ import annotations

from dataclasses import dataclass

from tortoise.transactions import in_transaction

from core import passwords
from core.models import Account, EntryPoint, Plan, Queue, Tenant, User

PASSWORD = "waiting-room-26"  # noqa: S105 - printed at every start of the demo


@dataclass(frozen=True, slots=True)
class DemoUser:
    email: str
    name: str
    role: str = "agent"


@dataclass(frozen=True, slots=True)
class DemoTenant:
    slug: str
    name: str
    plan: str
    languages: tuple[str, ...]
    timezone: str
    hue: int
    users: tuple[DemoUser, ...]
    entry: tuple[str, str]


PLANS = (
    ("clinic", "Clinic", ("chat", "teamview", "notify", "email", "blacklist"), {"users": 10}),
    ("desk", "Small desk", ("chat", "teamview", "notify", "email"), {"users": 3}),
)
TENANTS = (
    DemoTenant(
        "aurora",
        "Clínica Aurora",
        "clinic",
        ("es", "en", "ru", "zh-Hans"),
        "Europe/Madrid",
        222,
        (
            DemoUser("ana@aurora.example", "Ana Vidal", "administrator"),
            DemoUser("luis@aurora.example", "Luis Ortega"),
        ),
        ("recepcion", "Recepción"),
    ),
    DemoTenant(
        "harbor",
        "Harbor Advice",
        "desk",
        ("en", "ru"),
        "Europe/London",
        168,
        (
            DemoUser("olivia@harbor.example", "Olivia Grant", "administrator"),
            DemoUser("pavel@harbor.example", "Pavel Orlov"),
        ),
        ("welcome", "Front desk"),
    ),
)


async def make() -> None:
    """Make what is missing; running it again changes nothing."""
    account, _ = await Account.get_or_create(number="100001", defaults={"name": "Demo"})
    for name, title, plugins, limits in PLANS:
        defaults = {"title": title, "plugins": list(plugins), "limits": limits}
        await Plan.get_or_create(name=name, defaults=defaults)
    for demo in TENANTS:
        if not await Tenant.exists(slug=demo.slug):
            await _make_tenant(demo, account)


async def _make_tenant(demo: DemoTenant, account: Account) -> None:
    hashed = await passwords.hashed(PASSWORD)
    async with in_transaction():
        tenant = await Tenant.create(
            account=account,
            plan=await Plan.get(name=demo.plan),
            slug=demo.slug,
            name=demo.name,
            languages=list(demo.languages),
            timezone=demo.timezone,
            hue=demo.hue,
        )
        queue = await Queue.create(tenant=tenant, name=demo.entry[1], is_default=True)
        await EntryPoint.create(tenant=tenant, slug=demo.entry[0], title=demo.entry[1], queue=queue)
        for user in demo.users:
            await User.create(
                tenant=tenant,
                email=user.email,
                name=user.name,
                role=user.role,
                password_hash=hashed,
                language=demo.languages[0],
            )
