"""The house rules hold everywhere, and each rule still bites."""

from collections import Counter
from functools import cache
from pathlib import Path

import house_rules as rules
import pytest
from house_rules import Offence, Rule, Source

ROOT = Path(__file__).parents[2]


@cache
def all_sources() -> list[Source]:
    return rules.sources(ROOT)


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rule(rule: Rule) -> None:
    assert [offence for source in all_sources() for offence in rule(source)] == []


def test_the_rules_look_at_the_whole_house() -> None:
    paths = {source.path for source in all_sources()}
    assert {"src/tidings/domain/status.py", "tests/house/test_house_rules.py"} <= paths
    assert any(path.endswith(".sql") for path in paths)


def test_no_two_test_modules_share_a_name() -> None:
    """The folders of tests are no packages, so Python knows a test module by its last name only: pytest refuses
    the second of a name as soon as one process collects both, which is a matter of which worker got what."""
    modules = [Path(source.path).name for source in all_sources() if source.within("tests")]
    twice = [name for name, times in Counter(modules).items() if times > 1]
    assert [name for name in twice if name.startswith("test_")] == []


def long_function(lines: int) -> str:
    return "def f():\n" + "    x = 1\n" * (lines - 1)


FLOW, DOMAIN, STORE = "src/tidings/flows/a.py", "src/tidings/domain/a.py", "src/tidings/store/a.py"
CONSOLE, DIALECT, APP = "src/tidings/console/a.py", "src/tidings/dialects/bsg_v1/a.py", "src/tidings/app/a.py"
MIGRATION, TEST = "src/tidings/store/migrations/0009_a.sql", "tests/flows/test_a.py"
ORDER = "src/tidings/domain/order.py"

BROKEN: list[tuple[Rule, str, str]] = [
    (rules.no_junk_drawers, "src/tidings/flows/utils.py", ""),
    (rules.no_junk_drawers, "src/tidings/sms_helpers.py", ""),
    (rules.no_junk_drawers, "src/tidings/common/text.py", ""),
    (rules.small_files, FLOW, "x = 1\n" * 451),
    (rules.small_functions, FLOW, long_function(61)),
    (rules.small_functions, FLOW, "class A:\n    async " + long_function(61).replace("\n", "\n    ")),
    (rules.sql_lives_in_the_store, FLOW, "x = 'select id from message'"),
    (rules.sql_lives_in_the_store, FLOW, "x = '''\n  SELECT\n  id\n  FROM message'''"),
    (rules.sql_lives_in_the_store, FLOW, "x = 'select now()'"),
    (rules.sql_lives_in_the_store, APP, "x = 'select 1'"),
    (rules.sql_lives_in_the_store, FLOW, "x = f'select id from {table}'"),
    (rules.sql_lives_in_the_store, FLOW, "x = 'with d as (select 1 as a) select a from d'"),
    (rules.sql_lives_in_the_store, FLOW, "x = 'insert into report (id) values (1)'"),
    (rules.sql_lives_in_the_store, FLOW, "x = f'INSERT INTO {table} SELECT 1'"),
    (rules.sql_lives_in_the_store, FLOW, "x = 'update delivery set state = 1'"),
    (rules.sql_lives_in_the_store, FLOW, "x = 'update delivery d set state = 1'"),
    (rules.sql_lives_in_the_store, FLOW, "x = 'delete from report'"),
    (rules.sql_lives_in_the_store, FLOW, "x = 'delete from report where id = 1'"),
    (rules.sql_lives_in_the_store, APP, "x = 'drop table report'"),
    (rules.the_ledger_never_shrugs, STORE, "x = 'insert into ledger (id) values (1) on conflict do nothing'"),
    (
        rules.the_ledger_never_shrugs,
        STORE,
        "x = 'insert into ledger values (1) ON CONFLICT (id)\\nDO NOTHING'",
    ),
    (rules.the_ledger_never_shrugs, STORE, "x = f'insert into ledger ({c}) on conflict do nothing'"),
    (rules.the_ledger_never_shrugs, MIGRATION, "insert into ledger values (1)\non conflict do nothing;"),
    (rules.vendors_stay_in_their_dialects, FLOW, "# as Infobip does\n"),
    (rules.vendors_stay_in_their_dialects, FLOW, "if dialect is Dialect.BSG_V1:\n    pass\n"),
    (rules.vendors_stay_in_their_dialects, MIGRATION, "create type dialect as enum ('bsg_v1');"),
    (rules.vendors_stay_in_their_dialects, CONSOLE, "if dialect is Dialect.INFOBIP:\n    pass\n"),
    (rules.vendors_stay_in_their_dialects, CONSOLE, "x = 'a bsg id'"),
    (rules.vendors_stay_in_their_dialects, CONSOLE, "from tidings.dialects import infobip"),
    (rules.vendors_stay_in_their_dialects, CONSOLE, "def f(bsg_id): ..."),
    (rules.vendors_stay_in_their_dialects, CONSOLE, "f(infobip=1)"),
    (rules.vendors_stay_in_their_dialects, CONSOLE, "class InfobipPage: ..."),
    (rules.vendors_stay_in_their_dialects, ORDER, "class Dialect:\n    A = 'bsg'\n\nB = 'bsg'\n"),
    (rules.the_domain_is_pure, DOMAIN, "async def f(): ..."),
    (rules.the_domain_is_pure, DOMAIN, "import random"),
    (rules.the_domain_is_pure, DOMAIN, "from os.path import join"),
    (rules.time_is_passed_in, DOMAIN, "x = datetime.now(UTC)"),
    (rules.time_is_passed_in, FLOW, "x = datetime.datetime.utcnow()"),
    (rules.time_is_passed_in, FLOW, "x = time.monotonic()"),
    (rules.money_is_never_a_float, DIALECT, "price: float = 1"),
    (rules.money_is_never_a_float, DIALECT, "def f(unit_price: float | None): ..."),
    (rules.money_is_never_a_float, DIALECT, "def balance() -> float: ..."),
    (rules.money_is_never_a_float, DIALECT, "x = float(message.price)"),
    (rules.tests_wait_for_signals, TEST, "time.sleep(1)"),
    (rules.tests_wait_for_signals, TEST, "async def test():\n    await asyncio.sleep(delay=0.1)\n"),
    (rules.tests_wait_for_signals, TEST, "sleep(0.5)"),
]

KEPT: list[tuple[Rule, str, str]] = [
    (rules.no_junk_drawers, "src/tidings/flows/commonplace.py", ""),
    (rules.small_files, FLOW, "x = 1\n" * 450),
    (rules.small_functions, FLOW, long_function(60)),
    (rules.sql_lives_in_the_store, STORE, "x = 'select id from message'"),
    (rules.sql_lives_in_the_store, FLOW, "def f():\n    'Select rows from the table; update them.'"),
    (
        rules.sql_lives_in_the_store,
        APP,
        "x = 'Select a connector; update the prices, or delete from the list.'",
    ),
    (rules.sql_lives_in_the_store, APP, "x = 'update the settings'"),
    (rules.sql_lives_in_the_store, APP, "x = ('select', 'from')"),
    (rules.the_ledger_never_shrugs, STORE, "x = 'insert into report values (1) on conflict do nothing'"),
    (
        rules.the_ledger_never_shrugs,
        MIGRATION,
        "insert into ledger values (1); insert into a on conflict do nothing;",
    ),
    (rules.vendors_stay_in_their_dialects, DIALECT, "x = 'bsg'"),
    (rules.vendors_stay_in_their_dialects, APP, "from tidings.dialects import infobip"),
    (rules.vendors_stay_in_their_dialects, CONSOLE, "x = 'subsgroup'  # nothing of Infobip's"),
    (rules.vendors_stay_in_their_dialects, ORDER, "class Dialect:\n    A = 'bsg'\n"),
    (rules.the_domain_is_pure, DOMAIN, "from datetime import datetime\nimport hashlib\n"),
    (rules.the_domain_is_pure, FLOW, "async def f(): ..."),
    (rules.time_is_passed_in, FLOW, "x = clock.now()"),
    (rules.money_is_never_a_float, DIALECT, "wait_s: float = 1\npriceless: float = 2\nprice: int = 3\n"),
    (rules.tests_wait_for_signals, TEST, "async def test():\n    await asyncio.sleep(0)\n"),
]


def offences(rule: Rule, path: str, text: str) -> list[Offence]:
    return list(rule(Source(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN)
def test_a_rule_sees_what_breaks_it(rule: Rule, path: str, text: str) -> None:
    assert offences(rule, path, text) != []


@pytest.mark.parametrize(("rule", "path", "text"), KEPT)
def test_a_rule_lets_pass_what_it_does_not_mean(rule: Rule, path: str, text: str) -> None:
    assert offences(rule, path, text) == []


def test_every_rule_is_known_to_bite_and_to_spare() -> None:
    assert {rule for rule, _, _ in BROKEN} == {rule for rule, _, _ in KEPT} == set(rules.RULES)
