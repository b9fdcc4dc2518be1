"""The simulated week: it begins on Monday 2026-10-05 at 00:00 UTC; offsets are whole hours from UTC."""

START = 1791158400.0
HOUR, DAY, WEEK = 3600.0, 86400.0, 7 * 86400.0
_MONDAY = 4 * DAY  # 1970-01-05

OFFSETS = {
    "US": -6, "GB": 1, "DE": 2, "FR": 2, "IN": 5, "BR": -3, "JP": 9, "CA": -5, "KR": 9, "AU": 10,
    "NL": 2, "ES": 2, "IT": 2, "PL": 2, "MX": -6, "ID": 7, "SG": 8, "SE": 2,
}  # fmt: skip


def offset(country: str) -> float:
    """Seconds to add to UTC for local time, to the hour."""
    return OFFSETS.get(country, 0) * HOUR


def weekday(local: float) -> int:
    return int((local - _MONDAY) // DAY) % 7


def is_office_hour(local: float) -> bool:
    return weekday(local) < 5 and 9 <= local % DAY / HOUR < 18
