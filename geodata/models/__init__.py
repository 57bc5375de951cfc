"""The store's tables. Their columns carry the names people use, in Chinese and English."""

from geodata.models.account import Account, AccountRight, Credential, RoleRight
from geodata.models.alarm import (
    Alarm,
    AlarmChange,
    AlarmSilence,
    AlarmStep,
    AlarmWatch,
    Situation,
)
from geodata.models.area import Community, District, DutyGrid, Street, UnitGrid
from geodata.models.audit import AuditEntry, SignInAttempt
from geodata.models.base import STORE_SCHEMA, VERSION_SCHEMA, Base, Feature, VersionedRow, field_names
from geodata.models.base_map import BaseFeature
from geodata.models.camera import Camera
from geodata.models.case_file import (
    CaseFile,
    CaseNumber,
    CasePhoto,
    CaseReporter,
    CaseStep,
    CaseTransition,
)
from geodata.models.catalogue import CatalogueEntry, DatasetAlarm
from geodata.models.component import Component
from geodata.models.dataset import (
    Dataset,
    DatasetPublication,
    DatasetVersion,
    Department,
    Quarantine,
    VersionDifference,
)
from geodata.models.departmental_feature import DepartmentalFeature
from geodata.models.facility import Facility
from geodata.models.feature_edit import FeatureEdit, FeatureEditOutcome, FeaturePhoto
from geodata.models.feed_door import (
    DeviceContact,
    DeviceLag,
    DevicePresence,
    DeviceQuestion,
    FeedCount,
    FeedDoor,
)
from geodata.models.live_event import LiveEvent
from geodata.models.load_run import LoadRun
from geodata.models.observation import (
    DeviceClock,
    FeedSource,
    IngestRequest,
    Latest,
    LatestPosition,
    Observation,
    ObservationDay,
    ObservationHour,
    Series,
    VehiclePosition,
    VehicleTrack,
    WaitingDevice,
)
from geodata.models.pipe import PipeNode, PipeSegment
from geodata.models.saved_view import SavedView
from geodata.models.search_entry import SearchEntry
from geodata.models.station import Device, Metric, Station

VERSIONED_MODELS: dict[str, type[Base]] = {
    model.__tablename__: model
    for model in (
        District,
        Street,
        Community,
        UnitGrid,
        DutyGrid,
        Component,
        PipeNode,
        PipeSegment,
        Camera,
        Facility,
        Station,
        Device,
        Metric,
        BaseFeature,
        DepartmentalFeature,
    )
}
"""Tables a dataset can be loaded into, by table name."""
RECORD_MODELS: dict[str, type[Base]] = {**VERSIONED_MODELS, CaseFile.__tablename__: CaseFile}
"""Tables whose rows the map and the catalogue show: those, and cases, which are never loaded anew."""

__all__ = [
    "RECORD_MODELS",
    "STORE_SCHEMA",
    "VERSIONED_MODELS",
    "VERSION_SCHEMA",
    "Account",
    "AccountRight",
    "Alarm",
    "AlarmChange",
    "AlarmSilence",
    "AlarmStep",
    "AlarmWatch",
    "AuditEntry",
    "Base",
    "BaseFeature",
    "Camera",
    "CaseFile",
    "CaseNumber",
    "CasePhoto",
    "CaseReporter",
    "CaseStep",
    "CaseTransition",
    "CatalogueEntry",
    "Community",
    "Component",
    "Credential",
    "Dataset",
    "DatasetAlarm",
    "DatasetPublication",
    "DatasetVersion",
    "Department",
    "DepartmentalFeature",
    "Device",
    "DeviceClock",
    "DeviceContact",
    "DeviceLag",
    "DevicePresence",
    "DeviceQuestion",
    "District",
    "DutyGrid",
    "Facility",
    "Feature",
    "FeatureEdit",
    "FeatureEditOutcome",
    "FeaturePhoto",
    "FeedCount",
    "FeedDoor",
    "FeedSource",
    "IngestRequest",
    "Latest",
    "LatestPosition",
    "LiveEvent",
    "LoadRun",
    "Metric",
    "Observation",
    "ObservationDay",
    "ObservationHour",
    "PipeNode",
    "PipeSegment",
    "Quarantine",
    "RoleRight",
    "SavedView",
    "SearchEntry",
    "Series",
    "SignInAttempt",
    "Situation",
    "Station",
    "Street",
    "UnitGrid",
    "VehiclePosition",
    "VehicleTrack",
    "VersionDifference",
    "VersionedRow",
    "WaitingDevice",
    "field_names",
]
