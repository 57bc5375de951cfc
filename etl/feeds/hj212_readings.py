"""Readings in an HJ 212 upload.

The metric of a real-time value is the factor's code in HJ 212-2017 appendix B (codes of 2005 are given their
present ones), such as ``w01018``. Every other value is named apart by period and statistic, since they may
carry the same time: ``w01018-MinuteAvg``, ``w01018-HourMax``, ``w00000-DayCou``, ``SB1-RS``.
"""

from datetime import datetime

from etl.feeds.hj212 import FactorValue, Message, factor_values
from etl.feeds.reading import Reading
from geodata.code_table import CodeEntry, CodeTable

PERIODS = {"2031": "Day", "2041": "Day", "2051": "Minute", "2061": "Hour"}
"""The period that the statistics of a command hold for (HJ 212-2017 table 9)."""

_NORMAL = "N"
_TABLE = CodeTable.load("hj212_factor")
_BY_2005 = {entry["code_2005"]: entry for entry in _TABLE if entry["code_2005"]}


def factor_entry(factor: str) -> CodeEntry | None:
    """The factor's row of the code table: by its code, its code of 2005, or that of a numbered device."""
    return _TABLE.get(factor) or _BY_2005.get(factor) or _TABLE.get(f"{factor[:-2]}xx")


def present_code(factor: str) -> str:
    """The factor's code of 2017; as sent for numbered devices and what is not in the table."""
    entry = factor_entry(factor)
    return entry.code if entry and "x" not in entry.code else factor


def hj212_readings(message: Message, data_time: datetime | None = None) -> list[Reading]:
    """Numbers of an upload with their time; the quality is the flag of HJ 212, empty when normal.

    A value that the instrument could not give (no number, but a flag that says why) is one without a value;
    texts such as site information are none.

    Args:
        message: with MN.
        data_time: of the packet before, where this one carries none.

    Raises:
        FrameError: DataTime or a SampleTime is no time.
    """
    readings = []
    for value in factor_values(message):
        at = value.at or data_time
        quality = "" if value.flag in (None, _NORMAL) else value.flag
        if message.mn and at and (value.value is not None or quality):
            metric = _metric(value, PERIODS.get(message.cn, ""))
            readings.append(Reading(message.mn, metric, at, value.value, quality))
    return readings


def _metric(value: FactorValue, period: str) -> str:
    code = present_code(value.factor)
    if value.statistic == "Rtd":
        return code
    # The names of noise of day and night say their period.
    named = value.statistic in ("DayData", "NightData")
    return f"{code}-{'' if named else period}{value.statistic}"
