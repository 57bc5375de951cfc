"""What the map can show: the catalogue of layers, vector tiles, features, identify and search."""

from layers.catalogue import Catalogue, published_catalogue
from layers.dataset_watch import DatasetWatch
from layers.http import router
from layers.layer import Layer
from layers.problem import add_problem_handlers, problem_response

__all__ = [
    "Catalogue",
    "DatasetWatch",
    "Layer",
    "add_problem_handlers",
    "problem_response",
    "published_catalogue",
    "router",
]
