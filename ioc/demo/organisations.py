"""The organisations of the demo district, with credit codes that are made up but have a valid check digit."""

import zlib

from geodata.credit_code import check_character

# Who manages, owns and maintains components, by the key used in component_mix.csv.
UNITS = {
    "urban": "武昌区城市管理执法局",
    "sanitation": "武昌区环境卫生服务中心",
    "lighting": "武汉市路灯管理服务中心武昌所",
    "water": "武昌区水务和湖泊局",
    "drainage": "武昌区排水养护中心",
    "supply": "武汉市自来水有限公司武昌营业所（演示）",
    "power": "国网武汉供电公司武昌供电中心（演示）",
    "telecom": "武汉电信武昌分局（演示）",
    "mobile": "武汉移动武昌分公司（演示）",
    "unicom": "武汉联通武昌分公司（演示）",
    "broadcast": "武汉广电网络武昌分公司（演示）",
    "gas": "武汉市燃气集团武昌管理所（演示）",
    "police": "武汉市公安局武昌区分局",
    "traffic": "武汉市公安局武昌区交通大队",
    "fire": "武昌区消防救援大队",
    "garden": "武昌区园林和林业局",
    "greening": "武昌区园林绿化养护中心",
    "transport": "武汉公交集团第三营运公司（演示）",
    "road": "武昌区市政维修养护中心",
    "civil": "武昌区民政局",
    "sport": "武昌区文化和旅游局（体育局）",
    "post": "武汉邮政武昌片区分公司（演示）",
    "housing": "武昌区住房和城市更新局",
    "centre": "武昌区城市运行管理中心",
    "charging": "武汉充电服务有限公司（演示）",
    "locker": "武汉智能快递柜运营有限公司（演示）",
}
_BODIES = ("11", "12")


def credit_code(name: str) -> str:
    """A code for a name, always the same one; the ninth character tells companies from public bodies."""
    number = zlib.crc32(name.encode())
    company = "公司" in name or "店" in name
    kind = "91" if company else _BODIES["中心" in name or "所" in name]
    body = f"{number % 10**8:08d}"
    return (first := f"{kind}420106{body}{'X' if company else '0'}") + check_character(first)
