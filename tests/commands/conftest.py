"""A world with one live configuration that differs from what the files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.world import SETTINGS, Screen, World

WELCOME = {
    "Name": "Welcome",
    "SurveySettings": {"SurveyId": 4711, "InvitationDelayInDays": 5, "ExpirationAfterDays": 14},
    "EmailIsRequired": True,
    "SendNotificationMail": False,
    "IsReusable": True,
    "DateFormat": "dd/MM/yyyy",
}

FILES = """\
import_configs:
  welcome:
    name: Welcome
    survey_settings:
      survey: Customer satisfaction 2026
      invitation_delay_in_days: 2
    email_is_required: true
    keep: [survey_settings.expiration_after_days]
    targets:
      sandbox: {id: 1}
"""


def welcome_in(folder: Path) -> World:
    made = World(folder)
    made.live({1: WELCOME})
    made.write("reconciler.yaml", SETTINGS)
    made.write("welcome.yaml", FILES)
    return made


@pytest.fixture
def world(tmp_path: Path) -> World:
    return welcome_in(tmp_path)


@pytest.fixture
def screen() -> Screen:
    return Screen()
