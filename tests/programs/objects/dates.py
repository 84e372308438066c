# SPDX-License-Identifier: MIT
"""Dates, times, time zones: datetime and zoneinfo, with time zones of all kinds and without."""
import datetime
import io
import struct
import sys


class Held:
    """Only this program holds such: whose reference counts must be explained."""


class Zone(datetime.tzinfo):
    """A time zone written in Python."""

    def __init__(self, held=None):
        self.held = held

    def utcoffset(self, moment):
        return datetime.timedelta(hours=1)

    def dst(self, moment):
        return datetime.timedelta(0)

    def tzname(self, moment):
        return "zone"


class Moment(datetime.datetime):
    """A subclass with a __dict__."""


class SlottedMoment(datetime.datetime):
    __slots__ = ("held",)


class Day(datetime.date):
    __slots__ = ()


class Hour(datetime.time):
    pass


class Span(datetime.timedelta):
    pass


zone = Zone(Held())
utc = datetime.timezone.utc
named = datetime.timezone(datetime.timedelta(hours=5, minutes=30), "a name of its own")
unnamed = datetime.timezone(datetime.timedelta(hours=-3))
spanned = datetime.timezone(Span(hours=2))
dates = [datetime.date(2020, 2, 29), Day(2021, 1, 1), datetime.date.min]
times = [datetime.time(1, 2, 3), datetime.time(4, 5, 6, tzinfo=utc), datetime.time(7, tzinfo=zone), Hour(8),
         Hour(9, tzinfo=named)]
moments = [datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 2, tzinfo=utc),
           datetime.datetime(2020, 1, 3, tzinfo=zone), datetime.datetime(2020, 1, 4, tzinfo=unnamed),
           datetime.datetime(2020, 1, 5, tzinfo=Zone(Held())), Moment(2020, 1, 6), Moment(2020, 1, 7, tzinfo=zone),
           SlottedMoment(2020, 1, 8), SlottedMoment(2020, 1, 9, tzinfo=named)]
moments[5].held = moments[6].held = Held()
moments[7].held = Held()
spans = [datetime.timedelta(3), Span(4), datetime.timedelta.max]
hashed = {moment.replace(tzinfo=None): Held() for moment in moments}
calendar = [datetime.date(2020, 5, day).isocalendar() for day in range(1, 4)]
iterators = [iter(calendar[0]), iter(calendar)]


def zone_file(transitions, kinds, abbreviations, footer):
    """A file of the time zone database: RFC 8536, version 2."""
    def block(size):
        head = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, len(transitions), len(kinds), len(abbreviations))
        body = struct.pack(">%d%s" % (len(transitions), "q" if size == 8 else "l"),
                           *[moment for moment, _ in transitions])
        body += bytes(kind for _, kind in transitions)
        body += b"".join(struct.pack(">lBB", *kind) for kind in kinds) + abbreviations
        return head + body
    return io.BytesIO(block(4) + block(8) + b"\n" + footer + b"\n")


try:
    import zoneinfo
except ImportError:
    zoneinfo = None
if zoneinfo:
    class SummerTime(zoneinfo.ZoneInfo):
        """A subclass: it has caches of its own."""

    FILE = ([(0, 0), (10000000, 1), (20000000, 0)], [(3600, 0, 0), (7200, 1, 4)], b"CET\0CEST\0")
    with_rule = zoneinfo.ZoneInfo.from_file(zone_file(*FILE + (b"CET-1CEST,M3.5.0,M10.5.0/3",)), key="a/key")
    with_standard = zoneinfo.ZoneInfo.from_file(zone_file(*FILE + (b"XYZ3",)), key="a/key")
    without_rule = zoneinfo.ZoneInfo.from_file(zone_file(*FILE + (b"",)))
    fixed = zoneinfo.ZoneInfo.from_file(zone_file([], [(1234, 0, 0)], b"LMT\0", b""), key=Held())
    subclass = SummerTime.from_file(zone_file(*FILE + (b"<+03>-3<+04>-4,J60,300",)))
    subclass.held = Held()
    zones = []
    for key in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"):
        for kind in (zoneinfo.ZoneInfo, zoneinfo.ZoneInfo.no_cache, SummerTime):
            try:
                zones.append(kind(key))
            except zoneinfo.ZoneInfoNotFoundError:
                pass
    zoned = [datetime.datetime(2020, 7, 1, tzinfo=each) for each in zones + [with_rule, fixed, subclass]]
    offsets = [(each.utcoffset(), each.dst(), each.tzname()) for each in zoned]
    zoned.append(datetime.time(3, tzinfo=with_rule))
