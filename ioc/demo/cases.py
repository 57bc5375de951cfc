"""History of cases in the demo district: synthetic, with days, weeks, seasons, streets and delays.

The district's own components give the places, the table of deadlines the limits, the calendar working time.
"""

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from psycopg import Connection

from etl.job_file import departments
from geodata.binary_copy import copy_rows
from geodata.case_deadline import Limit, conditions_of, stage_limit
from geodata.code_table import CodeTable
from geodata.ewkb import ewkb
from geodata.store import Store
from geodata.working_calendar import CALENDAR, ZONE_SECONDS

MIX = Path(__file__).with_name("case_mix.csv")
CASES = 170_000
YEARS = 3
DAY, HOUR, MINUTE = 86_400, 3_600, 60
REJECTED = 0.27
"""Share of reports that are not taken on: repeated, not found, not the district's."""
REWORKED = 0.045
CHANNELS = (("collector", "网格采集", 0.60), ("public", "12345热线", 0.34), ("department", "部门移交", 0.04))
LEADER = ("leader", "领导交办")
SEASONS = {
    "flat": (1.0,) * 12,
    "summer": (0.5, 0.5, 0.8, 1.0, 1.3, 1.6, 1.8, 1.7, 1.2, 0.9, 0.6, 0.5),
    "winter": (1.5, 1.3, 1.0, 0.8, 0.7, 0.7, 0.7, 0.7, 0.9, 1.1, 1.4, 1.6),
    "spring": (0.6, 0.7, 1.4, 1.7, 1.5, 1.1, 0.8, 0.8, 1.2, 1.2, 0.8, 0.5),
    "rain": (0.4, 0.6, 0.9, 1.1, 1.3, 1.8, 2.0, 1.3, 0.7, 0.5, 0.5, 0.3),
    "snow": (5.0, 3.0, 0.2, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.3, 3.0),
}
HOURS = np.array(
    [1, 1, 1, 1, 1, 2, 5, 10, 17, 18, 15, 10, 8, 9, 15, 16, 14, 10, 9, 9, 8, 6, 4, 2], dtype=float
)
# Action, state before, state after, post: one column of moments each, in the order of a case's life.
STEPS = (
    ("report", None, "reported", None),
    ("reject", "reported", "rejected", "receiver"),
    ("accept", "reported", "pending_register", "receiver"),
    ("register", "pending_register", "pending_dispatch", "receiver"),
    ("dispatch", "pending_dispatch", "pending_handle", "dispatcher"),
    ("feed_back", "pending_handle", "pending_check", "department"),
    ("send_check", "pending_check", "checking", "receiver"),
    ("fail", "checking", "pending_handle", "collector"),
    ("feed_back", "pending_handle", "pending_check", "department"),
    ("send_check", "pending_check", "checking", "receiver"),
    ("pass", "checking", "pending_close", "collector"),
    ("close", "pending_close", "closed", "duty_chief"),
)
REJECT, REGISTER, DISPATCH, FIRST_BACK, FAIL, LAST_BACK, CLOSE = 1, 3, 4, 5, 7, 8, 11
OPINIONS = {
    "reject": "重复上报或不属本区受理范围。",
    "feed_back": "已按要求处置，附处置照片。",
    "fail": "现场核查未处置到位，请返工。",
}
POSTS = {"receiver": "受理员", "dispatcher": "派遣员", "collector": "采集员", "duty_chief": "值班长"}
ABSENT = np.int64(2**62)


@dataclass(frozen=True)
class Matter:
    """A line of the mix with what the code tables say of the matter."""

    code: str
    share: float
    department: str
    season: str
    overdue: float
    name: str
    component_type: str
    condition: str
    limit: Limit


@dataclass
class History:
    """Cases in the order of their reports; moments are seconds since 1970."""

    matter: np.ndarray
    place: np.ndarray
    moments: np.ndarray
    deadline: np.ndarray
    """After the first dispatch, and after a rework."""
    resumed: np.ndarray


def ensure_demo_cases(store: Store, scale: float, now: datetime | None = None) -> int:
    """Fill a store without cases with a history that ends now; gives the number of cases made."""
    with store.owner_connection() as connection:
        if connection.execute("SELECT 1 FROM ioc.case_file LIMIT 1").fetchone():
            return 0
        places = _places(connection)
        if not len(places["id"]):
            return 0
        moment = int((now or datetime.now(UTC)).timestamp())
        history = make_history(np.random.default_rng(420106), round(CASES * scale), moment, places)
        _write(connection, history, places, moment)
    with store.owner_connection() as connection:
        connection.autocommit = True
        connection.execute("ANALYZE ioc.case_file, ioc.case_step")
    return len(history.matter)


def matters() -> list[Matter]:
    """The mix of matters, as the file beside this one has it."""
    lines = [line for line in MIX.read_text("utf-8").splitlines() if not line.startswith("#")]
    found = []
    for row in csv.DictReader(lines):
        entry = CodeTable.load("event").get(row["matter"], "2026")
        assert entry is not None, "the mix names matters of the table"
        first = conditions_of(entry.code)[0]
        found.append(
            Matter(
                entry.code,
                float(row["share"]),
                row["department"],
                row["season"],
                float(row["overdue"]),
                entry.name,
                entry["component_code"],
                first.key,
                first.limit,
            )
        )
    return found


def make_history(rng: np.random.Generator, count: int, now: int, places: dict[str, np.ndarray]) -> History:
    """So many cases of the years before ``now``, with every step there is to be, be it after ``now``."""
    mix = matters()
    first_day = (now + ZONE_SECONDS) // DAY - round(YEARS * 365.25)
    shares = np.array([one.share for one in mix])
    matter = rng.choice(len(mix), count, p=shares / shares.sum())
    reported = np.empty(count, dtype=np.int64)
    rain = np.exp(rng.normal(0, 0.6, round(YEARS * 365.25) + 1))
    for number, one in enumerate(mix):
        chosen = np.flatnonzero(matter == number)
        days = np.arange(first_day, (now + ZONE_SECONDS) // DAY + 1)
        weights = _day_weights(days, one.season, rain)
        reported[chosen] = rng.choice(days, len(chosen), p=weights / weights.sum()) * DAY - ZONE_SECONDS
    hours = rng.choice(24, count, p=HOURS / HOURS.sum())
    reported += hours * HOUR + rng.integers(0, HOUR, count)
    # What would be later today was yesterday.
    reported = np.where(reported > now, reported - DAY, reported)
    order = np.argsort(reported, kind="stable")
    matter, reported = matter[order], reported[order]
    moments, deadline, resumed = _lives(rng, mix, matter, reported)
    return History(matter, _choose_places(rng, mix, matter, places), moments, deadline, resumed)


def _day_weights(days: np.ndarray, season: str, rain: np.ndarray) -> np.ndarray:
    calendar = [date(1970, 1, 1) + timedelta(int(day)) for day in days]
    months = np.array([day.month for day in calendar])
    weekend = np.array([day.weekday() >= 5 for day in calendar])
    weights = np.array(SEASONS[season])[months - 1] * np.where(weekend, 0.68, 1.0)
    festival = np.array(
        [(day.month, day.day) >= (2, 10) and (day.month, day.day) <= (2, 17) for day in calendar]
    )
    growth = np.linspace(0.9, 1.1, len(days))
    rainy = rain[: len(days)] ** (2.2 if season == "rain" else 0.25)
    return weights * growth * rainy * np.where(festival, 0.6, 1.0)


def _lives(
    rng: np.random.Generator, mix: list[Matter], matter: np.ndarray, reported: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Moments of each step (``ABSENT`` where a case has none), the deadline, and that after a rework."""
    count = len(matter)
    calendar = CALENDAR

    def later(start: np.ndarray, minutes: float) -> np.ndarray:
        return start + 20 + rng.exponential(minutes * MINUTE, count).astype(np.int64)

    moments = np.full((count, len(STEPS)), ABSENT)
    moments[:, 0] = reported
    for column, minutes in ((2, 8), (REGISTER, 11), (DISPATCH, 9)):
        moments[:, column] = later(moments[:, column - 1 if column > 2 else 0], minutes)
    span = np.array([one.limit.span(calendar).total_seconds() for one in mix], dtype=np.int64)[matter]
    working = np.array([one.limit.unit.in_working_time for one in mix])[matter]
    overdue = np.array([one.overdue for one in mix])[matter]

    def after(start: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        return np.where(working, calendar.add_seconds(start, seconds), start + seconds)

    late = rng.random(count) < overdue
    pace = np.where(late, 1.02 + rng.exponential(0.7, count), 0.08 + 0.9 * rng.beta(2.0, 1.8, count))
    deadline = after(moments[:, DISPATCH], span)
    moments[:, FIRST_BACK] = after(moments[:, DISPATCH], (span * pace).astype(np.int64))
    moments[:, 6] = later(moments[:, FIRST_BACK], 120)
    reworked = rng.random(count) < REWORKED
    failed = later(moments[:, 6], 420)
    again = after(failed, (span * rng.uniform(0.1, 0.5, count)).astype(np.int64))
    moments[reworked, FAIL] = failed[reworked]
    moments[reworked, LAST_BACK] = again[reworked]
    checked = np.where(reworked, later(again, 120), moments[:, 6])
    moments[reworked, 9] = checked[reworked]
    moments[:, 10] = later(checked, 420)
    moments[:, CLOSE] = later(moments[:, 10], 600)
    left = np.where(
        working,
        calendar.elapsed(deadline) - calendar.elapsed(moments[:, FIRST_BACK]),
        deadline - moments[:, FIRST_BACK],
    )
    resumed = np.where(left > 0, after(failed, np.maximum(left, 0)), deadline)
    rejected = rng.random(count) < REJECTED
    moments[rejected, 1:] = ABSENT
    moments[rejected, REJECT] = later(reported, 60)[rejected]
    return moments, deadline, resumed


def _places(connection: Connection[Any]) -> dict[str, np.ndarray]:
    rows = connection.execute(
        "SELECT id, code, type_code, area_code, ST_X(p), ST_Y(p) FROM ioc.component, "
        "LATERAL ST_PointOnSurface(geom) AS p WHERE geom IS NOT NULL AND area_code IS NOT NULL ORDER BY id"
    ).fetchall()
    names = ("id", "code", "type", "area", "lon", "lat")
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return {name: np.array(column) for name, column in zip(names, columns, strict=True)}


def _choose_places(
    rng: np.random.Generator, mix: list[Matter], matter: np.ndarray, places: dict[str, np.ndarray]
) -> np.ndarray:
    """A component for each case: the one it is about, or one it is beside; some streets have more."""
    streets, street = np.unique([code[:9] for code in places["area"]], return_inverse=True)
    busy = np.exp(rng.normal(0, 0.35, len(streets)))[street]
    chosen = np.empty(len(matter), dtype=np.int64)
    for number, one in enumerate(mix):
        wanted = np.flatnonzero(matter == number)
        fitting = np.flatnonzero(places["type"] == one.component_type) if one.component_type else np.array([])
        fitting = fitting if len(fitting) else np.arange(len(street))
        weights = busy[fitting] / busy[fitting].sum()
        chosen[wanted] = rng.choice(fitting, len(wanted), p=weights)
    return chosen


def _write(connection: Connection[Any], history: History, places: dict[str, np.ndarray], now: int) -> None:
    for code in {one.department for one in matters()}:
        connection.execute(
            "INSERT INTO ioc.department (code, name_zh, name_en) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [code, *departments()[code]],
        )
    connection.execute("UPDATE ioc.dataset SET synthetic = true WHERE code = 'case_file'")
    done = history.moments <= now
    _copy_cases(connection, history, places, done)
    _copy_steps(connection, history, done)
    connection.execute(
        "SELECT setval(pg_get_serial_sequence('ioc.case_file', 'id'), max(id)) FROM ioc.case_file"
    )
    connection.execute(
        "INSERT INTO ioc.case_number SELECT to_date(left(code, 8), 'YYYYMMDD'), max(right(code, 6)::integer) "
        "FROM ioc.case_file GROUP BY 1"
    )


def _copy_cases(
    connection: Connection[Any], history: History, places: dict[str, np.ndarray], done: np.ndarray
) -> None:
    mix, matter, place = matters(), history.matter, history.place
    count = len(matter)
    last = len(STEPS) - 1 - np.argmax(done[:, ::-1], axis=1)
    moment = [np.where(done[:, column], history.moments[:, column], ABSENT) for column in range(len(STEPS))]
    handled = np.where(moment[LAST_BACK] != ABSENT, moment[LAST_BACK], moment[FIRST_BACK])
    failed = done[:, FAIL]
    running = failed & ~done[:, LAST_BACK]
    handled = np.where(running, ABSENT, handled)
    ended = np.minimum(moment[CLOSE], moment[REJECT])
    deadline = np.where(done[:, DISPATCH], np.where(failed, history.resumed, history.deadline), ABSENT)
    jitter = np.random.default_rng(count).normal(0, 2e-5, (2, count))
    lonlat = shapely.points(places["lon"][place] + jitter[0], places["lat"][place] + jitter[1])
    about = np.array([bool(one.component_type) for one in mix])[matter]
    about &= places["type"][place] == np.array([one.component_type for one in mix])[matter]
    sources = [*CHANNELS, (*LEADER, 1 - sum(share for _, _, share in CHANNELS))]
    channel = np.random.default_rng(7).choice(len(sources), count, p=[share for _, _, share in sources])
    codes = _numbers(moment[0])
    dispatched, filed = done[:, DISPATCH], done[:, REGISTER]
    dataset = _dataset(connection)
    ints = np.arange(1, count + 1, dtype=np.int64)
    columns: dict[str, tuple[str, pa.Array]] = {
        "id": ("int8", pa.array(ints)),
        "dataset_id": ("int4", pa.array(np.full(count, dataset, dtype=np.int32))),
        "code": ("text", codes),
        "source": ("text", _words([f"{name}（演示）" for _, name, _ in sources], channel)),
        "source_code": ("text", codes),
        "channel": ("text", _words([code for code, _, _ in sources], channel)),
        "matter_code": ("text", _words([f"420106{one.code}" for one in mix], matter)),
        "title": ("text", _words([one.name for one in mix], matter)),
        "geom": ("geometry", ewkb(lonlat, 4490)),
        "area_code": ("text", pa.array(places["area"][place])),
        "sensitivity": ("int2", pa.array(np.full(count, 3, dtype=np.int16))),
        "component_code": ("text", pa.array(places["code"][place], mask=~about)),
        "component_id": ("int8", pa.array(places["id"][place], mask=~about)),
        "state": ("text", _words([after for _, _, after, _ in STEPS], last)),
        "version": ("int4", pa.array(done.sum(axis=1).astype(np.int32))),
        "department_code": ("text", _words([one.department for one in mix], matter, ~dispatched)),
        "condition_key": ("text", _words([one.condition for one in mix], matter, ~filed)),
        "limit_value": ("float8", pa.array(np.array([one.limit.value for one in mix])[matter], mask=~filed)),
        "limit_unit": ("text", _words([str(one.limit.unit) for one in mix], matter, ~filed)),
        "deadline": ("timestamptz", _times(deadline)),
        "stopped_at": ("timestamptz", _times(np.minimum(handled, ended))),
        "stage_deadline": ("timestamptz", _times(_stage_deadlines(history.moments[ints - 1, last], last))),
        "filing_deadline": ("timestamptz", _times(_limit_after(history, filed, REGISTER - 1))),
        "dispatch_deadline": ("timestamptz", _times(_limit_after(history, filed, REGISTER))),
        "reworks": ("int2", pa.array(failed.astype(np.int16))),
        "reported_at": ("timestamptz", _times(moment[0])),
        "received_at": ("timestamptz", _times(moment[0])),
        "filed_at": ("timestamptz", _times(moment[REGISTER])),
        "dispatched_at": ("timestamptz", _times(moment[DISPATCH])),
        "handled_at": ("timestamptz", _times(handled)),
        "ended_at": ("timestamptz", _times(ended)),
        "synthetic": ("bool", pa.array(np.ones(count, dtype=bool))),
    }
    copy_rows(connection, "ioc", "case_file", columns)


def _copy_steps(connection: Connection[Any], history: History, done: np.ndarray) -> None:
    case, column = np.nonzero(done)
    number = np.cumsum(done, axis=1)[case, column].astype(np.int32)
    mix = matters()
    department = np.array([one.department for one in mix])[history.matter][case]
    told = np.where((column >= FAIL), history.resumed[case], history.deadline[case])
    told = np.where(column >= DISPATCH, np.where(done[case, FAIL], told, history.deadline[case]), ABSENT)
    names = departments()
    actors = [POSTS.get(post or "", "热线、采集") for _, _, _, post in STEPS]
    actor = _words([f"{name}（演示）" for name in actors], column).to_pandas().to_numpy(dtype=object)
    handles = np.isin(column, (FIRST_BACK, LAST_BACK))
    actor[handles] = np.array([names[code][0] for code in np.unique(department)], dtype=object)[
        np.unique(department, return_inverse=True)[1]
    ][handles]
    opinions = [OPINIONS.get(action) or "" for action, _, _, _ in STEPS]
    columns: dict[str, tuple[str, pa.Array]] = {
        "case_id": ("int8", pa.array(case.astype(np.int64) + 1)),
        "number": ("int4", pa.array(number)),
        "action": ("text", _words([action for action, _, _, _ in STEPS], column)),
        "from_state": ("text", _words([before or "" for _, before, _, _ in STEPS], column, column == 0)),
        "to_state": ("text", _words([after for _, _, after, _ in STEPS], column)),
        "at": ("timestamptz", _times(history.moments[case, column])),
        "actor": ("text", pa.array(actor, pa.string())),
        "post": ("text", _words([post or "" for _, _, _, post in STEPS], column, column == 0)),
        "department_code": ("text", pa.array(department, mask=column < DISPATCH)),
        "opinion": (
            "text",
            _words(opinions, column, np.isin(column, [n for n, o in enumerate(opinions) if not o])),
        ),
        "deadline": ("timestamptz", _times(told)),
        "stage_deadline": ("timestamptz", _times(_stage_deadlines(history.moments[case, column], column))),
    }
    # Checked once for all rows, the foreign key costs a twentieth of what it costs row by row.
    name = "fk_case_step_case_id_case_file"
    connection.execute(f"ALTER TABLE ioc.case_step DROP CONSTRAINT {name}")
    copy_rows(connection, "ioc", "case_step", columns)
    connection.execute(
        f"ALTER TABLE ioc.case_step ADD CONSTRAINT {name} FOREIGN KEY (case_id) REFERENCES ioc.case_file (id)"
    )


def _stage_deadlines(begun: np.ndarray, column: np.ndarray) -> np.ndarray:
    """By when the stage that a step of ``STEPS`` began at a moment was to end; ``ABSENT`` without a limit."""
    limits = [stage_limit(after) for _, _, after, _ in STEPS]
    spans = [limit.span(CALENDAR).total_seconds() if limit else 0 for limit in limits]
    allowed = np.array(spans, dtype=np.int64)[column]
    return np.where(allowed > 0, CALENDAR.add_seconds(begun, allowed), ABSENT)


def _limit_after(history: History, chosen: np.ndarray, step: int) -> np.ndarray:
    """The limit of the stage that a step began in the chosen cases; ``ABSENT`` in the others."""
    limits = np.full(len(chosen), ABSENT)
    limits[chosen] = _stage_deadlines(history.moments[chosen, step], np.full(chosen.sum(), step))
    return limits


def _dataset(connection: Connection[Any]) -> int:
    row = connection.execute("SELECT id FROM ioc.dataset WHERE code = 'case_file'").fetchone()
    assert row is not None, "the migration makes it"
    return row[0]


def _numbers(reported: np.ndarray) -> pa.Array:
    """Codes: the day and the number on that day, of reports in their order."""
    days, first, position = np.unique(
        (reported + ZONE_SECONDS) // DAY, return_index=True, return_inverse=True
    )
    number = np.arange(len(reported)) - first[position] + 1
    text = [(date(1970, 1, 1) + timedelta(int(day))).strftime("%Y%m%d") for day in days]
    return pa.array([f"{text[p]}{n:06d}" for p, n in zip(position.tolist(), number.tolist(), strict=True)])


def _words(words: list[str], index: np.ndarray, absent: np.ndarray | None = None) -> pa.Array:
    positions = pa.array(index.astype(np.int32), mask=absent)
    return pa.DictionaryArray.from_arrays(positions, pa.array(words)).cast(pa.string())


def _times(seconds: np.ndarray) -> pa.Array:
    absent = seconds == ABSENT
    micros = np.where(absent, 0, seconds) * 1_000_000
    return pa.array(micros.astype("datetime64[us]"), pa.timestamp("us", tz="UTC"), mask=absent)
