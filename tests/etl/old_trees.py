"""The job of a small table that a department hands in again and again."""

JOB = """
title_zh = "古树名木"
title_en = "Old trees"
department = "garden"
target = "departmental_feature"

[source]
path = "古树.csv"
x = "经度"
y = "纬度"
crs = "EPSG:4490"

[fields]
code = "编号"
name = "名称"

[assign]
by = "none"
"""
