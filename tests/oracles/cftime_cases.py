"""Print a table of what Python's cftime makes of CF times, as the unit tests of src/cftime read it.

    python tests/oracles/cftime_cases.py > tests/data/cftime_cases.json

Needs cftime and numpy on x86-64 (cftime computes in long doubles). The output is the same on every run.

  cases           [calendar, units, "i" or "f", value, [year, month, day, hour, minute, second, microsecond]]
  refused         [calendar, units, "i" or "f", value], which cftime raises an error for
  long_double     cases in which cftime's long double misses the exact product's nearest microsecond by one
  encoded         [calendar, units, date as above, "i" or "f", what date2num gives]
Values are texts, so that no reader of JSON rounds them. Each of "cases" is checked here against exact fractions.
"""

import itertools
import json
import math
import random
import warnings
from datetime import timedelta
from fractions import Fraction

import cftime
import numpy

warnings.simplefilter("ignore")
RANDOM = random.Random(20261122)

CALENDARS = ["standard", "gregorian", "proleptic_gregorian", "julian", "noleap", "365_day", "all_leap", "366_day", "360_day"]
UNITS = sorted(u for u in cftime._cftime.UNIT_CONVERSION_FACTORS if "month" not in u and "year" not in u)
LENGTHS = cftime._cftime.UNIT_CONVERSION_FACTORS
REFERENCES = [
    "1850-1-1", "1850-01-01", "1850-01-01 00:00", "1970-01-01 00:00:00", "1949-12-01T00:00:00Z", "1900-01-01 00:00:0.0",
    "1970-01-01 00:00:00.0 +01:00", "2000-02-28 23:59:59.999999", "1-1-1", "0001-01-01 00:00:00", "-0001-12-30 6:7:8",
    "1582-10-15", "1582-10-4 12:00", "1582-10-16 00:00 +24:00", "1600-02-28T18:00:00-05:30", "+2001-03-01",
    "1858-11-17 00:00:00 UTC", "1968-05-23 00:00:00 GMT", "1990-1-1 0:0:0", "1850-1-1 +01:30", "2000-01-01_12:34:56",
    "1999-12-30T23:30:00+0330", "9999-12-30", "12345-6-7", "-4712-01-01 12:00:00", "1850-01-01 00:00:00 0:00",
    "1979-01-01 00:00:00.25 -11", "1800-1-1 00:00:00", "1992-10-8 15:15:42.5 -06:00", "1850-01-01 0:0:0.",
]
MICROSECONDS_OF_A_CENTURY = 100 * 365 * 86_400_000_000


def fields(date):
    return [date.year, date.month, date.day, date.hour, date.minute, date.second, date.microsecond]


def decode(calendar, units, value):
    number = numpy.int64(value) if isinstance(value, int) else numpy.float64(value)
    return cftime.num2date(number, units, calendar, only_use_cftime_datetimes=True)


def exact_microseconds(value, unit):
    """cftime's rule without the long double: nearest, ties to even, noise about a whole second removed."""
    product = Fraction(value) * LENGTHS[unit]
    nearest = round(product)
    if isinstance(value, int) or unit.startswith(("micro", "milli", "ms")):
        return nearest
    return {1: math.floor(product), 999_999: math.ceil(product)}.get(nearest % 1_000_000, nearest)


def row(calendar, units, value):
    kind, text = ("i", str(value)) if isinstance(value, int) else ("f", repr(value))
    return [calendar, units, kind, text]


class Table:
    def __init__(self):
        self.cases, self.refused, self.long_double, self.encoded = [], [], [], []

    def add(self, calendar, units, value):
        date = decode(calendar, units, value)
        exact = decode(calendar, units, 0) + timedelta(microseconds=exact_microseconds(value, units.split()[0].lower()))
        (self.cases if date == exact else self.long_double).append(row(calendar, units, value) + [fields(date)])

    def refuse(self, calendar, units, value):
        try:
            decode(calendar, units, value)
        except (ValueError, OverflowError, TypeError, AttributeError):
            self.refused.append(row(calendar, units, value))
        else:
            raise SystemExit(f"cftime reads {value} {units} in {calendar}")

    def encode(self, calendar, units, microseconds):
        date = decode(calendar, units, 0) + timedelta(microseconds=microseconds)
        number = cftime.date2num(date, units, calendar)
        kind = "i" if isinstance(number, numpy.int64) else "f"
        self.encoded.append([calendar, units, fields(date), kind, str(number) if kind == "i" else repr(float(number))])


def value_of(unit, span):
    """A value in the unit, within a span of microseconds, of one of the kinds that archives and mischief hold."""
    microseconds = RANDOM.randint(-span, span)
    length = LENGTHS[unit]
    return RANDOM.choice([
        microseconds // length,
        float(microseconds // length),
        microseconds / length,
        (microseconds // 1_000_000 * 1_000_000) / length,
        (microseconds // 3_600_000_000 * 3_600_000_000) / length,
        float(numpy.float32(microseconds / length)),
        (microseconds // length) + RANDOM.choice([0.5, 0.25, -0.125]),
    ])


def valid(calendar, reference):
    try:
        decode(calendar, f"days since {reference}", 0)
    except ValueError:
        return False
    return True


def ordinary(table):
    pairs = [p for p in itertools.product(CALENDARS, REFERENCES) if valid(*p)]
    for number, (calendar, reference) in enumerate(pairs):
        for repeat, span in enumerate([MICROSECONDS_OF_A_CENTURY, 2000 * MICROSECONDS_OF_A_CENTURY // 100, 10**9]):
            unit = UNITS[(number * 3 + repeat) % len(UNITS)]
            table.add(calendar, f"{unit} since {reference}", value_of(unit, span))
    for calendar, unit in itertools.product(CALENDARS, UNITS):
        table.add(calendar, f"{unit.upper()} Since 1850-01-01", value_of(unit, MICROSECONDS_OF_A_CENTURY))


def borders(table):
    """Every day about the Gregorian reform, year 1, year zero, leap days and year 10,000; and the far ends."""
    for calendar in CALENDARS:
        for reference, days in [("1582-10-04", 3), ("0001-01-01", 3), ("1500-02-28", 3), ("1900-02-28", 3), ("-0004-12-30", 2),
                                ("2000-02-28", 3), ("-0005-02-28", 3), ("9999-12-30", 4), ("-0101-02-28", 3)]:
            for offset in range(-days, days + 1):
                table.add(calendar, f"days since {reference}", offset)
        for value in (-700_000, 700_000.75, -3_000_000, 50_000_000, -50_000_000.5, 100_000_000):
            table.add(calendar, "days since 0001-01-01", value)
        for value in (2**53, -(2**53), 9_000_000_000_000_000_000, float(2**62)):
            table.add(calendar, "microseconds since 0001-01-01", value)
    for calendar in ("proleptic_gregorian", "noleap", "all_leap", "360_day"):
        for value in (-1, 0, 0.5, 59, 365, 366):
            table.add(calendar, "days since 0000-01-01", value)


def fractions_of_microseconds(table):
    for calendar in ("standard", "360_day"):
        for value in (0.5, 1.5, 2.5, -0.5, -1.5, 0.4999, 999_999.5, 1_000_000.5, 1.25, 0.75):
            table.add(calendar, "microseconds since 2000-01-01", value)
            table.add(calendar, "milliseconds since 2000-01-01", value / 1000)
            table.add(calendar, "seconds since 2000-01-01", value / 1e6)
            table.add(calendar, "hours since 2000-01-01 00:00:00.000001", value / 3.6e9)
    for hour in range(73_050 * 24, 73_050 * 24 + 72):
        table.add("standard", "days since 1800-1-1", hour / 24)
    for step in range(60):
        table.add("standard", "days since 0001-01-01", 735_000 + step / 24)
    for month in range(-13, 14):
        table.add("360_day", "months since 1850-1-1", month + 0.5)
        table.add("360_day", "month since 1850-1-30 12:00", month)
        table.add("noleap", "common_years since 1850-1-31", month / 4)
        table.add("365_day", "common_year since 1850-1-31", month)


def beyond_long_double(table):
    """About one random float in 6,000; the others are dropped."""
    kept = len(table.cases)
    while len(table.long_double) < 20:
        table.add("standard", "days since 1850-1-1", RANDOM.uniform(20_000, 60_000))
    del table.cases[kept:]


def errors(table):
    for calendar, units in [
        ("standard", "days since 0000-01-01"), ("julian", "days since 0-1-1"), ("standard", "days since 1582-10-05"),
        ("gregorian", "days since 1582-10-14 12:00"), ("noleap", "days since 2000-02-29"), ("standard", "days since 1900-02-29"),
        ("julian", "days since -4-2-29"), ("360_day", "days since 2000-01-31"), ("all_leap", "days since 2001-02-30"),
        ("standard", "days since 2000-13-01"), ("standard", "days since 2000-00-01"), ("standard", "days since 2000-01-00"),
        ("standard", "days since 2000-01-01 24:00:00"), ("standard", "days since 2000-01-01 00:60"),
        ("standard", "days since 2000-01-01 23:59:60"), ("standard", "days since 1850"), ("standard", "days since 1850-01"),
        ("standard", "days since 18500101"), ("standard", "days"), ("standard", "days before 2000-01-01"), ("standard", ""),
        ("standard", "years since 2000-01-01"), ("360_day", "weeks since 2000-01-01"), ("noleap", "months since 2000-01-01"),
        ("standard", "month since 2000-01-01"), ("360_day", "common_years since 2000-01-01"), ("standard", "days since"),
        ("none", "days since 2000-01-01"), ("lunar", "days since 2000-01-01"), ("360_day", "fortnights since 2000-1-1"),
    ]:
        table.refuse(calendar, units, 0)
    for value in (math.nan, math.inf, -math.inf, 1e300, 1e15, -1e15, 2**62, -(2**62)):
        table.refuse("standard", "days since 2000-01-01", value)


def encodings(table):
    for calendar in CALENDARS:
        for unit in ("days", "hours", "minutes", "seconds", "milliseconds", "microseconds"):
            for step in (1, 1_000_000, 3_600_000_000, 86_400_000_000):
                microseconds = RANDOM.randint(-2 * MICROSECONDS_OF_A_CENTURY, 2 * MICROSECONDS_OF_A_CENTURY) // step * step
                table.encode(calendar, f"{unit} since 1850-01-01", microseconds)


def main():
    table = Table()
    for fill in (ordinary, borders, fractions_of_microseconds, beyond_long_double, errors, encodings):
        fill(table)
    sections = []
    for name in ("cases", "refused", "long_double", "encoded"):
        rows = ",\n".join(json.dumps(line) for line in getattr(table, name))
        sections.append(f'"{name}": [\n{rows}\n]')
    print("{" + f'"cftime": "{cftime.__version__}",\n' + ",\n".join(sections) + "\n}")


if __name__ == "__main__":
    main()
