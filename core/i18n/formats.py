"""Dates, clocks, durations and sizes in the language and zone of the moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from babel import dates, units

from core.i18n.context import current, gettext


def format_datetime(moment: datetime | None, style: str = "medium") -> str:
    """``style`` is short, medium, long, full or a CLDR pattern. ``None`` is a dash."""
    if moment is None:
        return "–"
    here = current()
    return dates.format_datetime(moment, style, tzinfo=here.zone, locale=here.locale)


def format_time(moment: datetime | None, style: str = "short") -> str:
    if moment is None:
        return "–"
    here = current()
    return dates.format_time(moment, style, tzinfo=here.zone, locale=here.locale)


def format_date(day: date | datetime | None, style: str = "medium") -> str:
    if day is None:
        return "–"
    here = current()
    if isinstance(day, datetime):
        day = day.astimezone(here.zone).date()
    return dates.format_date(day, style, locale=here.locale)


def format_duration(seconds: float | timedelta | None) -> str:
    """``3:20`` or ``1:02:03``: the same shape as the live timers of the page."""
    if seconds is None:
        return "–"
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    minutes, s = divmod(max(0, int(total)), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


def format_ago(moment: datetime | None, now: datetime | None = None) -> str:
    if moment is None:
        return "–"
    delta = moment - (now or datetime.now(UTC))
    if abs(delta) < timedelta(seconds=5):
        return gettext("just now")
    return dates.format_timedelta(delta, add_direction=True, locale=current().locale)


def format_filesize(size: float) -> str:
    """Decimal units, as file managers show them."""
    locale, value = current().locale, float(size)
    for unit in ("byte", "kilobyte", "megabyte", "gigabyte"):
        if value < 1000 or unit == "gigabyte":
            break
        value /= 1000
    pattern = "#,##0" if value >= 10 or unit == "byte" else "#,##0.#"
    return units.format_unit(value, f"digital-{unit}", "short", format=pattern, locale=locale)


FILTERS = {
    "datetime": format_datetime,
    "time": format_time,
    "date": format_date,
    "duration": format_duration,
    "ago": format_ago,
    "filesize": format_filesize,
}
