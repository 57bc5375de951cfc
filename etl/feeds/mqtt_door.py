"""The door for devices that publish by MQTT to a broker.

Messages come with quality of service 1 in a session that the broker keeps while this process is away. One is
acknowledged to the broker once its readings are stored; one that cannot be read is noted with the reason and
acknowledged too, or it would come back for ever.

Processes that share the work name their sessions (mqtt://host/first, mqtt://host/second) and subscribe as a
group. A process alone does not: Mosquitto 2.0.11 forgets the shared subscriptions of its sessions when it is
killed, and what devices publish until they are made again is lost (465 of 2,513 messages where a plain
subscription lost none).
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from etl.feeds.door_tally import DoorTally
from etl.feeds.frame import FrameError
from etl.feeds.mqtt_mapping import MqttMapping, Payload
from etl.feeds.reading import Position, Reading, Receipt
from geodata.errors import UserError

log = structlog.get_logger(__name__)

Submit = Callable[[Sequence[Reading], Sequence[Position], str], Future[Receipt]]
"""(readings, positions, source): a future that is done when they are stored for good; it may wait."""

SOURCE = "mqtt"
SESSION = "ioc-feeds"
"""Name of the session at the broker of a process that is alone."""
GROUP = "ioc"
SESSION_SECONDS = 7 * 24 * 3600
"""The broker keeps what devices publish so long while this process is away."""
MOST_UNACKNOWLEDGED = 65_535
"""All that MQTT allows. The broker hands a message on before it acknowledges it to its device, so nothing
is lost with a broker that ends."""
KEEP_ALIVE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 30
QUALITY = 1


@dataclass(frozen=True)
class Broker:
    """Where the broker is, and the session's name there."""

    host: str
    port: int
    user: str | None
    password: str | None
    encrypted: bool
    session: str = SESSION
    shared: bool = False
    """Whether other processes receive from it too, each in a session of its own name."""

    @classmethod
    def at(cls, url: str) -> "Broker":
        """From ``mqtt://user:password@host:port/session``; mqtts encrypts.

        Raises:
            UserError: the URL is none of a broker.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        encrypted = parts.scheme == "mqtts"
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise UserError("IOC_MQTT_URL is no broker's address: write mqtt://user:password@host:1883.")
        return cls(
            parts.hostname,
            port or (8883 if encrypted else 1883),
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
            encrypted,
            parts.path.strip("/") or SESSION,
            bool(parts.path.strip("/")),
        )


class _ReadingClient(Client):
    """Reads what a broker has sent to the end, although it takes no more acknowledgements.

    A broker that dies has acknowledged to their devices the messages that still lie in this machine's buffer;
    paho would leave them there when sending fails.
    """

    def _sock_send(self, buf: bytes | bytearray) -> int:
        try:
            return super()._sock_send(buf)
        except ConnectionError:
            # Reading finds the end of the connection, behind the last message.
            return len(buf)


class _Message(NamedTuple):
    connection: int
    number: int
    topic: str
    content: bytes


class MqttDoor:
    """Receives from one broker.

    Args:
        submit: see ``Submit``.
        tally: counts what happens.
    """

    def __init__(
        self, broker: Broker, mappings: Sequence[MqttMapping], submit: Submit, tally: DoorTally
    ) -> None:
        self._broker = broker
        self._mappings = mappings
        self._submit = submit
        self._tally = tally
        self._arrived: SimpleQueue[_Message | None] = SimpleQueue()
        self._connection = 0
        self._client = self._make_client()
        self._reader = threading.Thread(target=self._read, name="mqtt messages", daemon=True)

    def start(self) -> None:
        """Connect, now and whenever the broker is away, with pauses that grow."""
        self._reader.start()
        self._client.connect_async(
            self._broker.host,
            self._broker.port,
            KEEP_ALIVE_SECONDS,
            clean_start=False,
            properties=_session_properties(),
        )
        self._client.loop_start()

    def close(self) -> None:
        """Leave the broker; it keeps the session and what was not acknowledged."""
        self._client.disconnect()
        self._client.loop_stop()
        self._arrived.put(None)
        self._reader.join()

    def _make_client(self) -> Client:
        client = _ReadingClient(
            CallbackAPIVersion.VERSION2,
            self._broker.session,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.encrypted:
            client.tls_set()
        client.reconnect_delay_set(1, LONGEST_PAUSE_SECONDS)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: Client, _userdata: Any, _flags: Any, reason: Any, _more: Any) -> None:
        if reason.is_failure:
            log.error("mqtt: the broker refuses", host=self._broker.host, reason=str(reason))
            return
        self._tally.connections = 1
        self._connection += 1
        group = f"$share/{GROUP}/" if self._broker.shared else ""
        filters = sorted({mapping.subscription for mapping in self._mappings})
        client.subscribe([(f"{group}{topic}", QUALITY) for topic in filters])
        log.info("mqtt: connected", host=self._broker.host, port=self._broker.port)

    def _on_disconnect(self, _client: Client, _userdata: Any, _flags: Any, reason: Any, _more: Any) -> None:
        self._tally.connections = 0
        log.warning("mqtt: connection lost", host=self._broker.host, reason=str(reason))

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        content = bytes(message.payload)
        self._arrived.put(_Message(self._connection, message.mid, message.topic, content))

    # ------------------------------------------------------------ messages

    def _read(self) -> None:
        """Off the network's thread, which must go on answering the broker while the store is slow."""
        while (message := self._arrived.get()) is not None:
            try:
                self._take(message)
            except Exception:
                # Not acknowledged: it comes again when the connection is made again.
                log.exception("mqtt: a message failed", topic=message.topic)

    def _take(self, message: _Message) -> None:
        now = datetime.now(UTC)
        try:
            payload = self._payload(message, now)
        except FrameError as error:
            self._tally.refused(None, message.topic, error, message.content)
            self._acknowledge(message)
            return
        for device in {one.device for one in (*payload.readings, *payload.positions)}:
            self._tally.contact(device, now)
        future = self._submit(payload.readings, payload.positions, SOURCE)
        future.add_done_callback(lambda done: self._stored(message, done))

    def _payload(self, message: _Message, now: datetime) -> Payload:
        mapping = next((one for one in self._mappings if one.fits(message.topic)), None)
        if mapping is None:
            raise FrameError("主题不属于任何设备类型", "the topic is that of no type of device")
        return mapping.read(message.topic, message.content, now)

    def _stored(self, message: _Message, done: Future[Receipt]) -> None:
        if done.cancelled() or done.exception() is not None:
            log.error(
                "mqtt: not stored, so not acknowledged", topic=message.topic, reason=str(done.exception())
            )
            return
        self._tally.stored(done.result(), message.topic)
        self._acknowledge(message)

    def _acknowledge(self, message: _Message) -> None:
        """To the connection it came by alone: on another one the number may be that of another message."""
        if message.connection == self._connection:
            self._client.ack(message.number, QUALITY)


def _session_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_SECONDS
    properties.ReceiveMaximum = MOST_UNACKNOWLEDGED
    return properties
