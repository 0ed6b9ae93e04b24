"""What people do on the incident page reaches the alerts service and comes back through the store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import dashboard
from alerts.access.keys import FILE
from dashboard.access.viewer import Viewer
from dashboard.queries import incidents
from dashboard.queries.store import ClickHouse, Scope
from dashboard.shared import actions
from infra.clickhouse import connect
from infra.embedded.ports import spare
from infra.settings import AlertSettings, Settings, StoreSettings
from tests.dashboard import world, world_incidents
from tests.dashboard.drawn import assert_drawn
from tests.dashboard.serving import alerts_api, environment
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

MAIN = Path(dashboard.__file__).parent / "main.py"
SCOPE = Scope("default", "demo-1", int(world.NOW.timestamp()))


@dataclass
class Service:
    """The alerts service, its store, and the incidents it holds."""

    settings: StoreSettings
    home: Path
    port: int
    ids: dict[str, str]

    @property
    def known(self) -> Settings:
        return Settings(home=self.home, alerts=AlertSettings(port=self.port))

    def act(self, name: str, action: str, reason: str = "") -> actions.Answer:
        return actions.act(self.known, ADA, self.ids[name], action, reason)

    def stored(self, name: str) -> incidents.StoredIncident:
        client = connect(self.settings)
        found = incidents.one(ClickHouse(client), SCOPE, self.ids[name])
        client.close()
        assert found is not None
        return found


@pytest.fixture
def service(store: str, tmp_path: Path) -> Iterator[Service]:
    settings = fresh_database(store, "lightship_dashboard_actions")
    client = connect(settings)
    ids = world_incidents.fill(client, world.NOW, "default", "demo-1")
    client.close()
    port = spare()
    with alerts_api(settings, tmp_path, port):
        yield Service(settings, tmp_path, port, ids)


ADA = Viewer("default", "responder", "Ada")


def test_an_acknowledgement_is_stored_with_the_persons_name(service: Service) -> None:
    assert service.act("refusal", actions.ACKNOWLEDGE).done
    assert service.stored("refusal").acknowledged_by == "Ada"


@pytest.mark.parametrize("action", [actions.FALSE_ALARM, actions.ACCEPT])
def test_an_ending_needs_a_reason_and_then_ends(service: Service, action: str) -> None:
    refused = service.act("latency", action)
    assert (refused.done, "needs a reason" in refused.reason) == (False, True)
    assert service.act("latency", action, "a load test").done
    assert service.stored("latency").state == "resolved"
    again = service.act("latency", action, "again")
    assert not again.done
    assert again.reason


def test_names_and_reasons_beyond_the_limits_are_cut_not_lost(service: Service) -> None:
    long = replace(ADA, name="A" * 1_000)
    assert actions.act(service.known, long, service.ids["refusal"], actions.NOTE, "n" * 9_000).done


@pytest.mark.parametrize("incident_id", ["nope", "../../healthz", "a/b?c=d#e", "\u202e"])
def test_an_id_from_the_address_bar_stays_one_part_of_the_path(service: Service, incident_id: str) -> None:
    answer = actions.act(service.known, ADA, incident_id, actions.ACKNOWLEDGE)
    assert not answer.done
    assert answer.reason


def test_a_wrong_token_is_an_answer_in_words(service: Service) -> None:
    (service.home / FILE).write_text("wrong-token-of-some-length")
    answer = service.act("refusal", actions.ACKNOWLEDGE)
    assert (answer.done, "token" in answer.reason) == (False, True)
    assert service.stored("refusal").acknowledged_by is None


def test_a_service_that_is_gone_is_an_answer_in_words(tmp_path: Path) -> None:
    gone = Settings(home=tmp_path, alerts=AlertSettings(port=spare()))
    answer = actions.act(gone, ADA, "a", actions.NOTE, "b")
    assert answer == actions.Answer(False, "the alerts service does not answer (ConnectError)")


@pytest.fixture
def page(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    for name, value in environment(service.settings, service.home, alerts_port=service.port).items():
        monkeypatch.setenv(name, value)
    st.cache_data.clear()
    st.cache_resource.clear()
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    app.query_params["lineage"] = "demo-1"
    app.run()
    app.switch_page("views/incident/incident.py")
    app.query_params["lineage"] = "demo-1"
    app.query_params["id"] = service.ids["refusal"]
    yield app.run()
    st.cache_data.clear()
    st.cache_resource.clear()


def shown(app: AppTest) -> str:
    texts = [str(e.value) for e in (*app.markdown, *app.text, *app.title)]
    return re.sub(r"\\|\u2060", "", " ".join(texts))


def test_one_press_acknowledges_and_the_page_shows_who_has_it(page: AppTest, service: Service) -> None:
    page.button[0].click().run()
    assert_drawn(page)
    assert "Recorded: acknowledged by you." in shown(page)
    assert "acknowledged" in shown(page)
    assert page.button[0].disabled
    assert service.stored("refusal").acknowledged_by


def test_ending_without_a_reason_is_refused_before_anyone_is_asked(page: AppTest, service: Service) -> None:
    end = next(b for b in page.button if b.label == "End incident")
    end.click().run()
    assert "Not recorded: a reason is needed" in shown(page)
    assert service.stored("refusal").state == "firing"
    next(r for r in page.radio if "False alarm" in r.options).set_value("False alarm")
    next(i for i in page.text_input if i.key is None).set_value("a load test, <b>not</b> users")
    next(b for b in page.button if b.label == "End incident").click().run()
    assert "Recorded: false alarm." in shown(page)
    assert service.stored("refusal").ending == "false_alarm"
    assert "a load test, <b>not</b> users" in shown(page)  # in the timeline, as text


def test_a_note_stands_in_the_timeline(page: AppTest) -> None:
    page.text_area[0].set_value("v18 quotes the new policy line")
    next(b for b in page.button if b.label == "Add note").click().run()
    assert "v18 quotes the new policy line" in shown(page)


def pressed(page: AppTest, label: str) -> AppTest:
    next(b for b in page.button if b.label == label).click()
    return page.run()


def filled(page: AppTest, key: str, text: str) -> None:
    next(i for i in page.text_input if i.key == key).set_value(text)


def test_a_silence_covers_what_is_like_it_and_the_page_says_so(page: AppTest, service: Service) -> None:
    pressed(page, "Silence")
    assert "a reason is needed" in shown(page)
    filled(page, "silence-why", "a release is being rolled back")
    pressed(page, "Silence")
    assert "Recorded: silenced for 2 h." in shown(page)
    assert ":gray-badge" in shown(page)
    assert "Silenced" in shown(page)  # in the timeline
    assert service.stored("refusal").state == "firing"


def test_what_is_held_can_be_let_go(page: AppTest, service: Service) -> None:
    filled(page, "hold-why", "we look at it on Monday")
    pressed(page, "Hold open")
    assert "Recorded: held open." in shown(page)
    assert '"held_by":"' in service.stored("refusal").body.replace(" ", "")
    pressed(page, "Release")
    assert "Recorded: released." in shown(page)


def test_what_has_ended_can_still_be_annotated_and_nothing_else(page: AppTest, service: Service) -> None:
    next(i for i in page.text_input if i.key is None).set_value("a load test")
    pressed(page, "End incident")
    labels = {b.label: b.disabled for b in page.button}
    assert labels["Acknowledge"]
    assert "It has ended: notes can still be added" in shown(page)
    page.text_area[0].set_value("seen again on staging")
    pressed(page, "Add note")
    assert "seen again on staging" in shown(page)
