"""The built site weighs what the table in CONTRIBUTING.md says."""

import pytest

import budget

pytestmark = pytest.mark.site


def test_the_site_weighs_what_the_table_says(site):
    recorded = budget.record()["costs"]
    for name, weight in budget.weights(site).items():
        (limit,) = (cost.limit for cost in budget.COSTS if cost.key == name)
        assert weight <= limit, name
        assert weight == pytest.approx(recorded[name], rel=0.25), f"{name}: run tools/budget.py"
