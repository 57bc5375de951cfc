-- Tables of the store. Schema ioc holds them, schema version holds the rows of dataset versions:
-- one table per version, attached as the dataset's partition while it is the published one.
CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE SCHEMA IF NOT EXISTS version;
SET LOCAL search_path = ioc, public;

CREATE TABLE ioc.base_feature (
    kind TEXT NOT NULL,
    feature_class TEXT,
    name TEXT,
    name_en TEXT,
    width_m FLOAT,
    height_m FLOAT,
    rank FLOAT,
    geom geometry(GEOMETRY,4490),
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_base_feature PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_base_feature_code ON ioc.base_feature (code text_pattern_ops);
CREATE INDEX ix_base_feature_geom_3857 ON ioc.base_feature USING gist (geom_3857);
COMMENT ON COLUMN ioc.base_feature.kind IS '要素类';
COMMENT ON COLUMN ioc.base_feature.feature_class IS '等级';
COMMENT ON COLUMN ioc.base_feature.name IS '名称';
COMMENT ON COLUMN ioc.base_feature.name_en IS '英文名称';
COMMENT ON COLUMN ioc.base_feature.width_m IS '宽度';
COMMENT ON COLUMN ioc.base_feature.height_m IS '高度';
COMMENT ON COLUMN ioc.base_feature.rank IS '显示级别';
COMMENT ON COLUMN ioc.base_feature.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.base_feature.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.base_feature.id IS '要素编号';
COMMENT ON COLUMN ioc.base_feature.code IS '编码';
COMMENT ON COLUMN ioc.base_feature.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.base_feature.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.base_feature.source_row IS '来源行号';
COMMENT ON COLUMN ioc.base_feature.warnings IS '质检提示';

CREATE TABLE ioc.camera (
    name TEXT,
    camera_type TEXT,
    direction FLOAT,
    height_m FLOAT,
    address TEXT,
    owner TEXT,
    network TEXT,
    state TEXT,
    geom geometry(POINT,4490),
    geom_3857 geometry(POINT,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_camera PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_camera_code ON ioc.camera (code text_pattern_ops);
CREATE INDEX ix_camera_geom_3857 ON ioc.camera USING gist (geom_3857);
COMMENT ON COLUMN ioc.camera.name IS '点位名称';
COMMENT ON COLUMN ioc.camera.camera_type IS '摄像机类型';
COMMENT ON COLUMN ioc.camera.direction IS '监视方位';
COMMENT ON COLUMN ioc.camera.height_m IS '安装高度';
COMMENT ON COLUMN ioc.camera.address IS '安装地址';
COMMENT ON COLUMN ioc.camera.owner IS '建设单位';
COMMENT ON COLUMN ioc.camera.network IS '所属网络';
COMMENT ON COLUMN ioc.camera.state IS '在线状态';
COMMENT ON COLUMN ioc.camera.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.camera.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.camera.id IS '要素编号';
COMMENT ON COLUMN ioc.camera.code IS '编码';
COMMENT ON COLUMN ioc.camera.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.camera.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.camera.source_row IS '来源行号';
COMMENT ON COLUMN ioc.camera.warnings IS '质检提示';

CREATE TABLE ioc.community (
    name TEXT NOT NULL,
    street_code TEXT,
    area_m2 FLOAT,
    population INTEGER,
    geom geometry(GEOMETRY,4490),
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_community PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_community_code ON ioc.community (code text_pattern_ops);
CREATE INDEX ix_community_geom_3857 ON ioc.community USING gist (geom_3857);
COMMENT ON COLUMN ioc.community.name IS '社区名称 SZSQMC';
COMMENT ON COLUMN ioc.community.street_code IS '街道代码 SZJDDM';
COMMENT ON COLUMN ioc.community.area_m2 IS '面积';
COMMENT ON COLUMN ioc.community.population IS '常住人口';
COMMENT ON COLUMN ioc.community.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.community.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.community.id IS '要素编号';
COMMENT ON COLUMN ioc.community.code IS '编码';
COMMENT ON COLUMN ioc.community.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.community.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.community.source_row IS '来源行号';
COMMENT ON COLUMN ioc.community.warnings IS '质检提示';

CREATE TABLE ioc.component (
    name TEXT,
    type_code TEXT,
    original_code TEXT,
    managing_unit_code TEXT,
    managing_unit TEXT,
    owner_code TEXT,
    owner TEXT,
    maintainer_code TEXT,
    maintainer TEXT,
    unit_grid_code TEXT,
    state TEXT,
    initial_date DATE,
    change_date DATE,
    data_source TEXT,
    note TEXT,
    street_code TEXT,
    street_name TEXT,
    community_code TEXT,
    community_name TEXT,
    geom geometry(GEOMETRY,4490),
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_component PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_component_code ON ioc.component (code text_pattern_ops);
CREATE INDEX ix_component_geom_3857 ON ioc.component USING gist (geom_3857);
COMMENT ON COLUMN ioc.component.name IS '部件名称 GLBJMC';
COMMENT ON COLUMN ioc.component.type_code IS '部件类别';
COMMENT ON COLUMN ioc.component.original_code IS '原标识码 ObjID';
COMMENT ON COLUMN ioc.component.managing_unit_code IS '主管部门代码 ZGBMDM';
COMMENT ON COLUMN ioc.component.managing_unit IS '主管部门 ZGBMMC';
COMMENT ON COLUMN ioc.component.owner_code IS '权属单位代码 QSDWDM';
COMMENT ON COLUMN ioc.component.owner IS '权属单位 QSDWMC';
COMMENT ON COLUMN ioc.component.maintainer_code IS '养护单位代码 YHDWDM';
COMMENT ON COLUMN ioc.component.maintainer IS '养护单位 YHDWMC';
COMMENT ON COLUMN ioc.component.unit_grid_code IS '所在单元网格 SZDYWGBSM';
COMMENT ON COLUMN ioc.component.state IS '部件状态 GLBJZT';
COMMENT ON COLUMN ioc.component.initial_date IS '初始日期 CSRQ';
COMMENT ON COLUMN ioc.component.change_date IS '变更日期 BGRQ';
COMMENT ON COLUMN ioc.component.data_source IS '数据来源 SJLY';
COMMENT ON COLUMN ioc.component.note IS '备注 BZ';
COMMENT ON COLUMN ioc.component.street_code IS '所在街道代码 SZJDDM';
COMMENT ON COLUMN ioc.component.street_name IS '所在街道 SZJDMC';
COMMENT ON COLUMN ioc.component.community_code IS '所在社区代码 SZSQDM';
COMMENT ON COLUMN ioc.component.community_name IS '所在社区 SZSQMC';
COMMENT ON COLUMN ioc.component.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.component.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.component.id IS '要素编号';
COMMENT ON COLUMN ioc.component.code IS '编码';
COMMENT ON COLUMN ioc.component.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.component.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.component.source_row IS '来源行号';
COMMENT ON COLUMN ioc.component.warnings IS '质检提示';

CREATE TABLE ioc.department (
    code TEXT NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    CONSTRAINT pk_department PRIMARY KEY (code)
);

CREATE TABLE ioc.departmental_feature (
    name TEXT,
    feature_class TEXT,
    attributes JSONB NOT NULL,
    geom geometry(GEOMETRY,4490),
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_departmental_feature PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_departmental_feature_code ON ioc.departmental_feature (code text_pattern_ops);
CREATE INDEX ix_departmental_feature_geom_3857 ON ioc.departmental_feature USING gist (geom_3857);
COMMENT ON COLUMN ioc.departmental_feature.name IS '名称';
COMMENT ON COLUMN ioc.departmental_feature.feature_class IS '类别';
COMMENT ON COLUMN ioc.departmental_feature.attributes IS '属性';
COMMENT ON COLUMN ioc.departmental_feature.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.departmental_feature.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.departmental_feature.id IS '要素编号';
COMMENT ON COLUMN ioc.departmental_feature.code IS '编码';
COMMENT ON COLUMN ioc.departmental_feature.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.departmental_feature.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.departmental_feature.source_row IS '来源行号';
COMMENT ON COLUMN ioc.departmental_feature.warnings IS '质检提示';

CREATE TABLE ioc.device (
    name TEXT,
    station_code TEXT,
    device_type TEXT,
    protocol TEXT,
    position_frame TEXT,
    maker TEXT,
    installed TEXT,
    state TEXT,
    geom geometry(POINT,4490),
    geom_3857 geometry(POINT,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_device PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_device_code ON ioc.device (code text_pattern_ops);
CREATE INDEX ix_device_geom_3857 ON ioc.device USING gist (geom_3857);
COMMENT ON COLUMN ioc.device.name IS '设备名称';
COMMENT ON COLUMN ioc.device.station_code IS '测站编码 STCD';
COMMENT ON COLUMN ioc.device.device_type IS '设备类型';
COMMENT ON COLUMN ioc.device.protocol IS '通信协议';
COMMENT ON COLUMN ioc.device.position_frame IS '坐标基准';
COMMENT ON COLUMN ioc.device.maker IS '生产厂家';
COMMENT ON COLUMN ioc.device.installed IS '安装日期';
COMMENT ON COLUMN ioc.device.state IS '状态';
COMMENT ON COLUMN ioc.device.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.device.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.device.id IS '要素编号';
COMMENT ON COLUMN ioc.device.code IS '编码';
COMMENT ON COLUMN ioc.device.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.device.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.device.source_row IS '来源行号';
COMMENT ON COLUMN ioc.device.warnings IS '质检提示';

CREATE TABLE ioc.district (
    name TEXT NOT NULL,
    area_m2 FLOAT,
    geom geometry(GEOMETRY,4490),
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_district PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_district_code ON ioc.district (code text_pattern_ops);
CREATE INDEX ix_district_geom_3857 ON ioc.district USING gist (geom_3857);
COMMENT ON COLUMN ioc.district.name IS '名称';
COMMENT ON COLUMN ioc.district.area_m2 IS '面积';
COMMENT ON COLUMN ioc.district.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.district.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.district.id IS '要素编号';
COMMENT ON COLUMN ioc.district.code IS '编码';
COMMENT ON COLUMN ioc.district.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.district.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.district.source_row IS '来源行号';
COMMENT ON COLUMN ioc.district.warnings IS '质检提示';

CREATE TABLE ioc.duty_grid (
    name TEXT,
    community_code TEXT,
    area_m2 FLOAT,
    grid_officer TEXT,
    phone TEXT,
    geom geometry(GEOMETRY,4490),
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_duty_grid PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_duty_grid_code ON ioc.duty_grid (code text_pattern_ops);
CREATE INDEX ix_duty_grid_geom_3857 ON ioc.duty_grid USING gist (geom_3857);
COMMENT ON COLUMN ioc.duty_grid.name IS '责任网格名称';
COMMENT ON COLUMN ioc.duty_grid.community_code IS '社区代码 SZSQDM';
COMMENT ON COLUMN ioc.duty_grid.area_m2 IS '面积';
COMMENT ON COLUMN ioc.duty_grid.grid_officer IS '网格员';
COMMENT ON COLUMN ioc.duty_grid.phone IS '联系电话';
COMMENT ON COLUMN ioc.duty_grid.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.duty_grid.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.duty_grid.id IS '要素编号';
COMMENT ON COLUMN ioc.duty_grid.code IS '编码';
COMMENT ON COLUMN ioc.duty_grid.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.duty_grid.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.duty_grid.source_row IS '来源行号';
COMMENT ON COLUMN ioc.duty_grid.warnings IS '质检提示';

CREATE TABLE ioc.facility (
    name TEXT NOT NULL,
    category TEXT,
    address TEXT,
    organisation_code TEXT,
    contact TEXT,
    phone TEXT,
    capacity FLOAT,
    capacity_unit TEXT,
    state TEXT,
    note TEXT,
    geom geometry(GEOMETRY,4490),
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_facility PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_facility_code ON ioc.facility (code text_pattern_ops);
CREATE INDEX ix_facility_geom_3857 ON ioc.facility USING gist (geom_3857);
COMMENT ON COLUMN ioc.facility.name IS '名称';
COMMENT ON COLUMN ioc.facility.category IS '类别';
COMMENT ON COLUMN ioc.facility.address IS '地址';
COMMENT ON COLUMN ioc.facility.organisation_code IS '统一社会信用代码';
COMMENT ON COLUMN ioc.facility.contact IS '联系人';
COMMENT ON COLUMN ioc.facility.phone IS '联系电话';
COMMENT ON COLUMN ioc.facility.capacity IS '容量';
COMMENT ON COLUMN ioc.facility.capacity_unit IS '容量单位';
COMMENT ON COLUMN ioc.facility.state IS '状态';
COMMENT ON COLUMN ioc.facility.note IS '备注';
COMMENT ON COLUMN ioc.facility.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.facility.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.facility.id IS '要素编号';
COMMENT ON COLUMN ioc.facility.code IS '编码';
COMMENT ON COLUMN ioc.facility.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.facility.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.facility.source_row IS '来源行号';
COMMENT ON COLUMN ioc.facility.warnings IS '质检提示';

CREATE TABLE ioc.metric (
    device_code TEXT NOT NULL,
    metric TEXT NOT NULL,
    name TEXT,
    unit TEXT,
    lower_limit FLOAT,
    upper_limit FLOAT,
    interval_s FLOAT,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_metric PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_metric_code ON ioc.metric (code text_pattern_ops);
COMMENT ON COLUMN ioc.metric.device_code IS '设备编码';
COMMENT ON COLUMN ioc.metric.metric IS '指标代码';
COMMENT ON COLUMN ioc.metric.name IS '指标名称';
COMMENT ON COLUMN ioc.metric.unit IS '计量单位';
COMMENT ON COLUMN ioc.metric.lower_limit IS '下限';
COMMENT ON COLUMN ioc.metric.upper_limit IS '上限';
COMMENT ON COLUMN ioc.metric.interval_s IS '上报间隔';
COMMENT ON COLUMN ioc.metric.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.metric.id IS '要素编号';
COMMENT ON COLUMN ioc.metric.code IS '编码';
COMMENT ON COLUMN ioc.metric.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.metric.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.metric.source_row IS '来源行号';
COMMENT ON COLUMN ioc.metric.warnings IS '质检提示';

CREATE TABLE ioc.pipe_node (
    map_code TEXT,
    subclass TEXT,
    ground_level FLOAT,
    feature TEXT,
    attachment TEXT,
    cover_material TEXT,
    cover_size TEXT,
    cover_shape TEXT,
    well_depth FLOAT,
    neck_depth FLOAT,
    chamber_size TEXT,
    chamber_material TEXT,
    offset_well TEXT,
    element_code TEXT,
    road_name TEXT,
    owner TEXT,
    built TEXT,
    surveyor TEXT,
    survey_date DATE,
    state TEXT,
    geom geometry(POINT,4490),
    geom_3857 geometry(POINT,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_pipe_node PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_pipe_node_code ON ioc.pipe_node (code text_pattern_ops);
CREATE INDEX ix_pipe_node_geom_3857 ON ioc.pipe_node USING gist (geom_3857);
COMMENT ON COLUMN ioc.pipe_node.map_code IS '图上点号 TSDH';
COMMENT ON COLUMN ioc.pipe_node.subclass IS '管线小类 GXLX';
COMMENT ON COLUMN ioc.pipe_node.ground_level IS '地面高程 DMGC';
COMMENT ON COLUMN ioc.pipe_node.feature IS '特征 TZ';
COMMENT ON COLUMN ioc.pipe_node.attachment IS '附属物 FSW';
COMMENT ON COLUMN ioc.pipe_node.cover_material IS '井盖材质 JGCZ';
COMMENT ON COLUMN ioc.pipe_node.cover_size IS '井盖规格 JGGG';
COMMENT ON COLUMN ioc.pipe_node.cover_shape IS '井盖形状 JGXZ';
COMMENT ON COLUMN ioc.pipe_node.well_depth IS '井底深 JDS';
COMMENT ON COLUMN ioc.pipe_node.neck_depth IS '井脖深 JBS';
COMMENT ON COLUMN ioc.pipe_node.chamber_size IS '井室规格 JSGG';
COMMENT ON COLUMN ioc.pipe_node.chamber_material IS '井室材质 JSCZ';
COMMENT ON COLUMN ioc.pipe_node.offset_well IS '偏心井位 PXJW';
COMMENT ON COLUMN ioc.pipe_node.element_code IS '点编码 DBM';
COMMENT ON COLUMN ioc.pipe_node.road_name IS '所在道路 SZDL';
COMMENT ON COLUMN ioc.pipe_node.owner IS '权属单位 QSDW';
COMMENT ON COLUMN ioc.pipe_node.built IS '建设年代 JSND';
COMMENT ON COLUMN ioc.pipe_node.surveyor IS '探测单位 TCDW';
COMMENT ON COLUMN ioc.pipe_node.survey_date IS '探测日期 TCRQ';
COMMENT ON COLUMN ioc.pipe_node.state IS '使用状态 ZT';
COMMENT ON COLUMN ioc.pipe_node.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.pipe_node.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.pipe_node.id IS '要素编号';
COMMENT ON COLUMN ioc.pipe_node.code IS '编码';
COMMENT ON COLUMN ioc.pipe_node.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.pipe_node.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.pipe_node.source_row IS '来源行号';
COMMENT ON COLUMN ioc.pipe_node.warnings IS '质检提示';

CREATE TABLE ioc.pipe_segment (
    start_node TEXT,
    end_node TEXT,
    start_depth FLOAT,
    end_depth FLOAT,
    start_invert_level FLOAT,
    end_invert_level FLOAT,
    subclass TEXT,
    material TEXT,
    section TEXT,
    diameter FLOAT,
    embedding TEXT,
    flow_direction TEXT,
    pressure TEXT,
    protection TEXT,
    built TEXT,
    owner TEXT,
    road_name TEXT,
    state TEXT,
    note TEXT,
    length_m FLOAT,
    geom geometry(LINESTRING,4490),
    geom_3857 geometry(LINESTRING,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_pipe_segment PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_pipe_segment_code ON ioc.pipe_segment (code text_pattern_ops);
CREATE INDEX ix_pipe_segment_geom_3857 ON ioc.pipe_segment USING gist (geom_3857);
COMMENT ON COLUMN ioc.pipe_segment.start_node IS '起点点号 QDDH';
COMMENT ON COLUMN ioc.pipe_segment.end_node IS '终点点号 ZDDH';
COMMENT ON COLUMN ioc.pipe_segment.start_depth IS '起点埋深 QDMS';
COMMENT ON COLUMN ioc.pipe_segment.end_depth IS '终点埋深 ZDMS';
COMMENT ON COLUMN ioc.pipe_segment.start_invert_level IS '起点管底高程 QDGC';
COMMENT ON COLUMN ioc.pipe_segment.end_invert_level IS '终点管底高程 ZDGC';
COMMENT ON COLUMN ioc.pipe_segment.subclass IS '管线小类 GXLX';
COMMENT ON COLUMN ioc.pipe_segment.material IS '材质 CZ';
COMMENT ON COLUMN ioc.pipe_segment.section IS '断面尺寸 GJ';
COMMENT ON COLUMN ioc.pipe_segment.diameter IS '管径';
COMMENT ON COLUMN ioc.pipe_segment.embedding IS '埋设方式 MSFS';
COMMENT ON COLUMN ioc.pipe_segment.flow_direction IS '流向 LX';
COMMENT ON COLUMN ioc.pipe_segment.pressure IS '压力 YL';
COMMENT ON COLUMN ioc.pipe_segment.protection IS '保护材料 BHCL';
COMMENT ON COLUMN ioc.pipe_segment.built IS '建设年代 JSND';
COMMENT ON COLUMN ioc.pipe_segment.owner IS '权属单位 QSDW';
COMMENT ON COLUMN ioc.pipe_segment.road_name IS '道路名称 DLMC';
COMMENT ON COLUMN ioc.pipe_segment.state IS '使用状态 ZT';
COMMENT ON COLUMN ioc.pipe_segment.note IS '备注 BZ';
COMMENT ON COLUMN ioc.pipe_segment.length_m IS '长度';
COMMENT ON COLUMN ioc.pipe_segment.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.pipe_segment.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.pipe_segment.id IS '要素编号';
COMMENT ON COLUMN ioc.pipe_segment.code IS '编码';
COMMENT ON COLUMN ioc.pipe_segment.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.pipe_segment.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.pipe_segment.source_row IS '来源行号';
COMMENT ON COLUMN ioc.pipe_segment.warnings IS '质检提示';

CREATE TABLE ioc.role_right (
    role TEXT NOT NULL,
    dataset_code TEXT NOT NULL,
    department_scope TEXT NOT NULL,
    sensitivity SMALLINT NOT NULL,
    CONSTRAINT pk_role_right PRIMARY KEY (role, dataset_code, department_scope),
    CONSTRAINT ck_role_right_department_scope CHECK (department_scope IN ('own', 'all')),
    CONSTRAINT ck_role_right_sensitivity CHECK (sensitivity BETWEEN 1 AND 3)
);

CREATE TABLE ioc.search_entry (
    title TEXT NOT NULL,
    subtitle TEXT,
    pinyin TEXT,
    initials TEXT,
    geom geometry(POINT,4490),
    geom_3857 geometry(POINT,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_search_entry PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_search_entry_code ON ioc.search_entry (code text_pattern_ops);
CREATE INDEX ix_search_entry_geom_3857 ON ioc.search_entry USING gist (geom_3857);
CREATE INDEX ix_search_entry_initials ON ioc.search_entry USING gin (initials gin_trgm_ops);
CREATE INDEX ix_search_entry_pinyin ON ioc.search_entry USING gin (pinyin gin_trgm_ops);
CREATE INDEX ix_search_entry_title ON ioc.search_entry USING gin (title gin_trgm_ops);
COMMENT ON COLUMN ioc.search_entry.title IS '标题';
COMMENT ON COLUMN ioc.search_entry.subtitle IS '副标题';
COMMENT ON COLUMN ioc.search_entry.pinyin IS '拼音';
COMMENT ON COLUMN ioc.search_entry.initials IS '拼音首字母';
COMMENT ON COLUMN ioc.search_entry.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.search_entry.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.search_entry.id IS '要素编号';
COMMENT ON COLUMN ioc.search_entry.code IS '编码';
COMMENT ON COLUMN ioc.search_entry.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.search_entry.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.search_entry.source_row IS '来源行号';
COMMENT ON COLUMN ioc.search_entry.warnings IS '质检提示';

CREATE TABLE ioc.station (
    name TEXT NOT NULL,
    station_type TEXT,
    river TEXT,
    water_system TEXT,
    basin TEXT,
    address TEXT,
    datum TEXT,
    datum_level FLOAT,
    managing_unit TEXT,
    guard_level FLOAT,
    warning_level FLOAT,
    design_level FLOAT,
    in_use TEXT,
    note TEXT,
    geom geometry(POINT,4490),
    geom_3857 geometry(POINT,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_station PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_station_code ON ioc.station (code text_pattern_ops);
CREATE INDEX ix_station_geom_3857 ON ioc.station USING gist (geom_3857);
COMMENT ON COLUMN ioc.station.name IS '站名 STNM';
COMMENT ON COLUMN ioc.station.station_type IS '站类 STTP';
COMMENT ON COLUMN ioc.station.river IS '河名 RVNM';
COMMENT ON COLUMN ioc.station.water_system IS '水系 HNNM';
COMMENT ON COLUMN ioc.station.basin IS '流域 BSNM';
COMMENT ON COLUMN ioc.station.address IS '站址 STLC';
COMMENT ON COLUMN ioc.station.datum IS '基面名 DTMNM';
COMMENT ON COLUMN ioc.station.datum_level IS '基面高程 DTMEL';
COMMENT ON COLUMN ioc.station.managing_unit IS '管理单位 ADMAUTH';
COMMENT ON COLUMN ioc.station.guard_level IS '设防水位';
COMMENT ON COLUMN ioc.station.warning_level IS '警戒水位 WRZ';
COMMENT ON COLUMN ioc.station.design_level IS '保证水位 GRZ';
COMMENT ON COLUMN ioc.station.in_use IS '启用标志 USFL';
COMMENT ON COLUMN ioc.station.note IS '备注 COMMENTS';
COMMENT ON COLUMN ioc.station.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.station.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.station.id IS '要素编号';
COMMENT ON COLUMN ioc.station.code IS '编码';
COMMENT ON COLUMN ioc.station.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.station.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.station.source_row IS '来源行号';
COMMENT ON COLUMN ioc.station.warnings IS '质检提示';

CREATE TABLE ioc.street (
    name TEXT NOT NULL,
    district_code TEXT,
    area_m2 FLOAT,
    population INTEGER,
    geom geometry(GEOMETRY,4490),
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_street PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_street_code ON ioc.street (code text_pattern_ops);
CREATE INDEX ix_street_geom_3857 ON ioc.street USING gist (geom_3857);
COMMENT ON COLUMN ioc.street.name IS '街道名称 SZJDMC';
COMMENT ON COLUMN ioc.street.district_code IS '区代码';
COMMENT ON COLUMN ioc.street.area_m2 IS '面积';
COMMENT ON COLUMN ioc.street.population IS '常住人口';
COMMENT ON COLUMN ioc.street.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.street.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.street.id IS '要素编号';
COMMENT ON COLUMN ioc.street.code IS '编码';
COMMENT ON COLUMN ioc.street.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.street.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.street.source_row IS '来源行号';
COMMENT ON COLUMN ioc.street.warnings IS '质检提示';

CREATE TABLE ioc.unit_grid (
    name TEXT,
    community_code TEXT,
    area_m2 FLOAT,
    initial_date DATE,
    end_date DATE,
    note TEXT,
    geom geometry(GEOMETRY,4490),
    geom_3857 geometry(GEOMETRY,3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED,
    dataset_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    code TEXT NOT NULL,
    area_code TEXT,
    sensitivity SMALLINT NOT NULL,
    source_row INTEGER,
    warnings TEXT[],
    CONSTRAINT pk_unit_grid PRIMARY KEY (dataset_id, id)
)
 PARTITION BY LIST (dataset_id);
CREATE INDEX ix_unit_grid_code ON ioc.unit_grid (code text_pattern_ops);
CREATE INDEX ix_unit_grid_geom_3857 ON ioc.unit_grid USING gist (geom_3857);
COMMENT ON COLUMN ioc.unit_grid.name IS '网格名称';
COMMENT ON COLUMN ioc.unit_grid.community_code IS '社区代码 SZSQDM';
COMMENT ON COLUMN ioc.unit_grid.area_m2 IS '面积';
COMMENT ON COLUMN ioc.unit_grid.initial_date IS '初始日期';
COMMENT ON COLUMN ioc.unit_grid.end_date IS '终止日期';
COMMENT ON COLUMN ioc.unit_grid.note IS '备注 BZ';
COMMENT ON COLUMN ioc.unit_grid.geom IS 'CGCS2000';
COMMENT ON COLUMN ioc.unit_grid.dataset_id IS '数据集';
COMMENT ON COLUMN ioc.unit_grid.id IS '要素编号';
COMMENT ON COLUMN ioc.unit_grid.code IS '编码';
COMMENT ON COLUMN ioc.unit_grid.area_code IS '所在区域编码';
COMMENT ON COLUMN ioc.unit_grid.sensitivity IS '敏感级别';
COMMENT ON COLUMN ioc.unit_grid.source_row IS '来源行号';
COMMENT ON COLUMN ioc.unit_grid.warnings IS '质检提示';

CREATE TABLE ioc.account (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    password_hash TEXT,
    roles TEXT[] NOT NULL,
    department_code TEXT,
    areas TEXT[] NOT NULL,
    sensitivity SMALLINT NOT NULL,
    active BOOLEAN DEFAULT true NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_account PRIMARY KEY (id),
    CONSTRAINT ck_account_sensitivity CHECK (sensitivity BETWEEN 1 AND 3),
    CONSTRAINT uq_account_name UNIQUE (name),
    CONSTRAINT fk_account_department_code FOREIGN KEY(department_code) REFERENCES ioc.department (code)
);

CREATE TABLE ioc.dataset (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    code TEXT NOT NULL,
    title_zh TEXT NOT NULL,
    title_en TEXT NOT NULL,
    department_code TEXT NOT NULL,
    target TEXT NOT NULL,
    sensitivity SMALLINT NOT NULL,
    area_bound BOOLEAN DEFAULT true NOT NULL,
    synthetic BOOLEAN DEFAULT false NOT NULL,
    fields JSONB DEFAULT '[]' NOT NULL,
    source_note TEXT,
    published_version_id INTEGER,
    CONSTRAINT pk_dataset PRIMARY KEY (id),
    CONSTRAINT ck_dataset_sensitivity CHECK (sensitivity BETWEEN 1 AND 3),
    CONSTRAINT uq_dataset_code UNIQUE (code),
    CONSTRAINT fk_dataset_department_code FOREIGN KEY(department_code) REFERENCES ioc.department (code)
);
COMMENT ON COLUMN ioc.dataset.area_bound IS '按区域授权';

CREATE TABLE ioc.account_right (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    account_id INTEGER NOT NULL,
    dataset_code TEXT DEFAULT '*' NOT NULL,
    department_code TEXT DEFAULT '*' NOT NULL,
    area_code TEXT DEFAULT '*' NOT NULL,
    sensitivity SMALLINT NOT NULL,
    CONSTRAINT pk_account_right PRIMARY KEY (id),
    CONSTRAINT uq_account_right_account_id_dataset_code_department_cod_1f84 UNIQUE (account_id, dataset_code, department_code, area_code),
    CONSTRAINT ck_account_right_sensitivity CHECK (sensitivity BETWEEN 1 AND 3),
    CONSTRAINT fk_account_right_account_id FOREIGN KEY(account_id) REFERENCES ioc.account (id) ON DELETE CASCADE
);

CREATE TABLE ioc.credential (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    account_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    label TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_credential PRIMARY KEY (id),
    CONSTRAINT ck_credential_kind CHECK (kind IN ('session', 'token')),
    CONSTRAINT fk_credential_account_id FOREIGN KEY(account_id) REFERENCES ioc.account (id) ON DELETE CASCADE,
    CONSTRAINT uq_credential_secret_hash UNIQUE (secret_hash)
);

CREATE TABLE ioc.dataset_version (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    dataset_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    job TEXT NOT NULL,
    source_name TEXT NOT NULL,
    input_hash TEXT NOT NULL,
    rows_read INTEGER DEFAULT 0 NOT NULL,
    rows_loaded INTEGER DEFAULT 0 NOT NULL,
    rows_refused INTEGER DEFAULT 0 NOT NULL,
    rows_flagged INTEGER DEFAULT 0 NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    published_at TIMESTAMP WITH TIME ZONE,
    extent JSONB,
    failure TEXT,
    CONSTRAINT pk_dataset_version PRIMARY KEY (id),
    CONSTRAINT ck_dataset_version_state CHECK (state IN ('loading', 'published', 'superseded', 'failed', 'dropped')),
    CONSTRAINT fk_dataset_version_dataset_id FOREIGN KEY(dataset_id) REFERENCES ioc.dataset (id)
);
CREATE INDEX ix_dataset_version_dataset_id_id ON ioc.dataset_version (dataset_id, id);

CREATE TABLE ioc.quarantine (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    version_id INTEGER NOT NULL,
    source_row INTEGER,
    severity TEXT NOT NULL,
    rule TEXT NOT NULL,
    reason_zh TEXT NOT NULL,
    reason_en TEXT NOT NULL,
    field TEXT,
    raw JSONB NOT NULL,
    CONSTRAINT pk_quarantine PRIMARY KEY (id),
    CONSTRAINT fk_quarantine_version_id FOREIGN KEY(version_id) REFERENCES ioc.dataset_version (id) ON DELETE CASCADE
);
CREATE INDEX ix_quarantine_version_id_source_row ON ioc.quarantine (version_id, source_row);
