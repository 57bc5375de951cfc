"""What an SL 651 report brings; metrics are the identifiers of SL 651-2014 appendix C (Z, PJ, VT …)."""

from etl.feeds.frame import FrameError
from etl.feeds.reading import Picture, Reading
from etl.feeds.sl651_report import Report
from etl.photo import PhotoError, read_photo

STATE = "ZT"
"""The state word of element 45: mains, battery, door …, one bit each."""


def sl651_readings(station: str, report: Report) -> list[Reading]:
    """Values of a report at the times they hold for, in the unit of appendix C.

    The twelve values of an hourly row (F4 in mm, F5 to FC in m) hold for the observation time and every five
    minutes after it. What the station marks as missing, and what cannot be read, is no reading: it comes
    later at its time, or never. An element outside of the standard is named by its guide.
    """
    readings = [
        Reading(station, element.identifier or element.guide, element.at or report.sent, element.value)
        for element in report.elements
        if element.value is not None
    ]
    if report.state is not None:
        latest = max((reading.observed_at for reading in readings), default=report.sent)
        readings.append(Reading(station, STATE, latest, float(report.state)))
    return readings


def sl651_pictures(station: str, report: Report) -> list[Picture]:
    """The picture of a report, taken at its observation time, else when it was sent.

    Raises:
        FrameError: it is damaged, or in a format that is not kept.
    """
    if report.picture is None:
        return []
    try:
        photo = read_photo(report.picture)
    except PhotoError as error:
        raise FrameError(error.said("zh"), str(error)) from error
    return [Picture(station, report.picture_at or report.sent, photo)]
