"""A room with three hundred people in it stays quick to look at and to work in."""

from __future__ import annotations

from core.api import TenantView
from core.testing.application import make_user, sign_in
from plugins.teamview.tests.conftest import Site
from plugins.teamview.tests.test_rows import make_full

BEATS = """async () => {
  const room = document.querySelector('teamview-room');
  const spent = [];
  for (let i = 0; i < 20; i++) {
    const began = performance.now();
    room.requestUpdate();
    await room.updateComplete;
    spent.push(performance.now() - began);
    await new Promise(requestAnimationFrame);
  }
  spent.sort((a, b) => a - b);
  return {rows: room.shadowRoot.querySelectorAll('li').length, median: spent[10]};
}"""


async def test_three_hundred_rows_beat_within_a_frame_or_two(
    site: Site, tenant: TenantView
) -> None:
    await make_full(tenant)
    who = await sign_in(site.app, tenant, await make_user(tenant, "Zoe"))
    page = await site.open(who, "/teamview/team")
    await page.locator("teamview-room li").first.wait_for()
    found = await page.evaluate(BEATS)
    assert found["rows"] == 301
    assert found["median"] < 50, f"{found['median']:.1f} ms of JavaScript in each second"
