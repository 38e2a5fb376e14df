"""The vendors' own clients, as published and unmodified; nothing but the base URL is ours."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from customer import Customer, number_at
from plant import Plant, environment

HERE = Path(__file__).parent
SDKS = HERE.parents[1] / ".sdks"


@pytest.fixture(scope="module")
def customer(plant: Plant) -> Iterator[Customer]:
    with Customer(plant, "sdk-user") as customer:
        yield customer


def script(sdk: str, name: str, *arguments: str) -> Any:
    """What a script prints, run by the environment of an SDK, which knows nothing of Tidings."""
    python = SDKS / sdk / "bin" / "python"
    assert python.exists(), "scripts/sdks makes the environments of the SDKs; `make test` calls it"
    done = subprocess.run(
        [python, "-W", "ignore", HERE / "sdk_scripts" / name, *arguments],
        env=environment({}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def test_the_python_sdk_of_the_one_api_sends_and_decodes_what_it_reads(customer: Customer):
    number = number_at(20, "0001")

    told = script("bsg-sdk", "bsg_one.py", customer.plant.served.url, customer.key, str(number))

    assert len(set(told.pop("campaign_id"))) == 1
    balance = told.pop("balance")
    assert balance == ["BalanceSchema", pytest.approx(999.98), "EUR"]
    assert told == {
        "sent": "SmsCampaignResponse",
        "campaign": "CampaignSchema",
        "campaign_status": "done",
        "item": "MessageApiSchema",
        "amount": ["0.0200000", "EUR"],
        "text": "Hello from the SDK",
        "phone": number,
        "status": "delivered",
        "times": True,
        "page": [1, 50, 0],
        "found": [True, True],
        "nothing": [[], 0],
        "refused": ["UnauthorizedException", 401],
        "invalid": ["UnprocessableEntityException", 422, "The given data was invalid."],
    }
    assert customer.status("SdkOrder1") == "delivered"


def test_the_official_infobip_client_sends_and_pulls_its_report_once(customer: Customer):
    number = str(number_at(21, "0001"))

    told = script(
        "infobip-api-python-client", "infobip_client.py", customer.plant.served.url, customer.key, number
    )

    assert told == {
        "sent": "SmsResponse",
        "ids": ["sdk-bulk-2", "sdk-order-2", "sdk-bulk-2", "sdk-order-2"],
        "accepted": [1, 26, "PENDING_ACCEPTED"],
        "reports": "SmsDeliveryResult",
        "report": "SmsReport",
        "status": [3, "DELIVERED", 5, "DELIVERED_TO_HANDSET"],
        "error": [0, "NO_ERROR", False],
        "price": [0.02, "EUR"],
        "echoed": ["mine", "shop", "orders", number],
        "count": 1,
        "times": True,
        "again": [],
        "refused": ["UnauthorizedException", 401, "ApiException", "UNAUTHORIZED", "Invalid login details"],
    }


@pytest.mark.parametrize("slash", ["", "/"], ids=["plain", "double slash"])
def test_the_community_infobip_sdk_decodes_every_answer_into_its_models(customer: Customer, slash: str):
    number, name = str(number_at(22, "0001")), f"of-{len(slash)}"

    url = customer.plant.served.url + slash
    told = script("infobip-api-python-sdk", "infobip_channels_sms.py", url, customer.key, number, name)

    assert told == {
        "sent": "SendSMSResponse",
        "accepted": [f"bulk-{name}", f"order-{name}", "PENDING_ACCEPTED"],
        "reports": "OutboundDeliveryReportsResponse",
        "report": "SMSReport",
        "ids": [f"bulk-{name}", f"order-{name}", number],
        "status": ["DELIVERED", "DELIVERED_TO_HANDSET"],
        "error": ["NO_ERROR", False],
        "price": [0.02, "EUR"],
        "again": ["OutboundDeliveryReportsResponse", []],
        "refused": ["SMSResponseError", 401],
    }
