"""Routers: one file per resource, each route declaring its scope."""

from fastapi import APIRouter

from api.routers import (
    forecasts,
    health,
    leadlag,
    meteo,
    observations,
    operator,
    page,
    runs,
    scores,
    stream,
    vocabulary,
)

ROUTERS: tuple[APIRouter, ...] = (
    vocabulary.router,
    meteo.router,
    forecasts.router,
    observations.router,
    runs.router,
    leadlag.router,
    scores.router,
    stream.router,
    operator.router,
    health.router,
    page.router,
)
