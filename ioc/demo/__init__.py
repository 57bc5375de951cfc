"""The demo district: a synthetic Wuchang, written as the files that its departments would hand over."""

from ioc.demo.build import build_demo

__all__ = ["build_demo"]
