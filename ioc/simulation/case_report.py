"""People report cases over HTTP: water on the road when it stands there, and what a day brings otherwise."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx2
import numpy as np
import structlog
from pyproj import Transformer

from ioc.simulation.scenario import Scenario

log = structlog.get_logger(__name__)

# Classes of GB/T 47678.5-2026 by name, the words people use, and how often of a hundred.
WATER_ON_ROAD = "雨水箅子异常"
EVERYDAY = (
    ("暴露垃圾", "垃圾满溢，有异味", 22),
    ("占道经营", "流动摊贩占用人行道", 18),
    ("道路不洁", "路面有污物", 14),
    ("道路破损", "路面坑洼", 9),
    ("污水井盖异常", "井盖松动有响声", 7),
    ("雨水箅子异常", "箅子堵塞", 7),
    ("沿街晾挂", "沿街晾晒衣物", 7),
    ("露天烧烤", "油烟扰民", 6),
    ("噪声扰民", "夜间施工噪声", 6),
    ("绿地脏乱", "绿化带内有垃圾", 4),
)
LABEL = "【演示】"
ANSWER_SECONDS = 10.0


class CaseReporter:
    """Hands cases in as a hotline would; each until it is answered, under a number of its own.

    Args:
        spots: n × 2, metres of the zone ``frame``: where something may be found.
    """

    def __init__(
        self, address: str, token: str, scenario: Scenario, spots: np.ndarray, frame: str, seed: int
    ) -> None:
        self._client = httpx2.Client(
            base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=ANSWER_SECONDS
        )
        self._scenario = scenario
        self._spots = spots
        self._degrees = Transformer.from_crs(frame, "EPSG:4490", always_xy=True)
        self._rng = np.random.default_rng(seed)
        self._reported: set[int] = set()
        self._waiting: list[dict[str, Any]] = []

    def step(self, seconds: float, flooded: Mapping[int, tuple[float, float]], now: datetime) -> None:
        """Report what has come up within so many seconds; ``flooded`` places by number."""
        self._reported &= set(flooded)
        for number in flooded.keys() - self._reported:
            x, y = flooded[number]
            self._waiting.append(self._case(WATER_ON_ROAD, "雨水箅子堵塞，道路积水，车辆绕行", x, y, now))
            self._reported.add(number)
        for _ in range(self._rng.poisson(self._scenario.cases_per_hour * seconds / 3600)):
            name, words, _ = EVERYDAY[self._rng.choice(len(EVERYDAY), p=_shares(EVERYDAY))]
            x, y = self._spots[self._rng.integers(len(self._spots))] + self._rng.normal(0, 8, 2)
            self._waiting.append(self._case(name, words, x, y, now))
        if self._waiting:
            self._hand_in()

    def close(self) -> None:
        self._client.close()

    def _case(self, matter: str, words: str, x: float, y: float, now: datetime) -> dict[str, Any]:
        lon, lat = self._degrees.transform(x, y)
        return {
            "number": f"demo-{uuid.uuid4().hex[:16]}",
            "matter": matter,
            "description": LABEL + words,
            "lon": round(float(lon), 6),
            "lat": round(float(lat), 6),
            "reported_at": now.isoformat(),
            "reporter": {"name": f"{LABEL}市民"},
        }

    def _hand_in(self) -> None:
        sent = self._waiting[:50]
        try:
            answer = self._client.post("/ingest/cases", json={"cases": sent})
        except httpx2.HTTPError as error:
            log.warning("simulate: cases wait", reason=str(error), waiting=len(self._waiting))
            return
        if answer.status_code == 200 or 400 <= answer.status_code < 500:
            self._waiting = self._waiting[len(sent) :]
        if answer.status_code != 200:
            log.warning("simulate: cases refused", status=answer.status_code, answer=answer.text[:200])


def _shares(kinds: Sequence[tuple[str, str, int]]) -> np.ndarray:
    shares = np.array([share for *_, share in kinds], dtype=float)
    return shares / shares.sum()
