"""What stands before the root of an XML file: no document type, since entities can grow without bound."""

from pathlib import Path
from xml.parsers import expat

from etl.delivery import SourceError

_SEARCHED = 1 << 20


def check_xml(path: Path) -> str:
    """Read as far as the root element.

    Returns:
        The root element's name, without its prefix.

    Raises:
        SourceError: no XML, or with a document type.
    """
    found: list[str] = []
    parser = expat.ParserCreate()

    def refuse(*_declaration: object) -> None:
        raise SourceError(f"{path} declares a document type (DTD), which this program does not read.")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, _attributes: found.append(name)
    with path.open("rb") as file:
        head = file.read(_SEARCHED)
    if not head:
        raise SourceError(f"{path} is empty: deliver it again.")
    try:
        parser.Parse(head, False)
    except expat.ExpatError as error:
        if not found:
            raise SourceError(f"{path} is no XML ({error}): deliver it again.") from error
    except (ValueError, LookupError) as error:
        raise SourceError(f"{path} is no XML ({error}): deliver it again.") from error
    if not found:
        raise SourceError(f"{path} is no XML (it has no element): deliver it again.")
    return found[0].rpartition(":")[2]
