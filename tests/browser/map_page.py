"""What the browser tests do on the map page: look somewhere, ask what is drawn."""

from typing import Any

from playwright.sync_api import Page


def settle(page: Page) -> None:
    """Waits until every tile of the view is there and drawn."""
    page.wait_for_selector("body[data-map-state=complete]")


def look(page: Page, lon: float, lat: float, zoom: float) -> None:
    """Shows a place at a Leaflet zoom (one more than MapLibre's) and waits until it is drawn."""
    page.evaluate(
        """([lon, lat, zoom]) => {
            document.body.dataset.mapState = "moving";
            ioc.leaflet.setView([lat, lon], zoom, { animate: false });
        }""",
        [lon, lat, zoom],
    )
    settle(page)


def drawn(page: Page, source: str) -> list[dict[str, Any]]:
    """Ids and properties of the features of a layer, or of a whole source, that are on the screen."""
    return page.evaluate(
        """(source) => ioc.map.queryRenderedFeatures()
            .filter((feature) => [feature.source, feature.sourceLayer].includes(source))
            .map((feature) => ({ id: feature.id, properties: feature.properties }))""",
        source,
    )


def turn(page: Page, layer: str, on: bool) -> None:
    """Switches a layer in the layer panel and waits until the map has followed."""
    page.evaluate("document.body.dataset.mapState = 'switching'")
    page.locator(f"[data-layer={layer}] input[role=switch]").set_checked(on)
    settle(page)


def click_on(page: Page, lon: float, lat: float) -> None:
    """Clicks the map at a position that is in view."""
    x, y = page.evaluate(
        """([lon, lat]) => {
            const point = ioc.leaflet.latLngToContainerPoint([lat, lon]);
            const frame = ioc.leaflet.getContainer().getBoundingClientRect();
            return [frame.x + point.x, frame.y + point.y];
        }""",
        [lon, lat],
    )
    page.mouse.click(x, y)
