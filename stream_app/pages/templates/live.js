"use strict";
// Keeps what is marked with data-live up to date; a page that says it is away comes back by itself.
const EVERY_MS = 2000, GIVE_UP_MS = 4000;
const count = new Intl.NumberFormat("en"), rate = new Intl.NumberFormat("en", {maximumFractionDigits: 1});
const seconds = value => value === null ? "unknown"
  : value < 0.1 ? rate.format(1000 * value) + " ms"
  : value < 90 ? rate.format(value) + " s" : count.format(Math.round(value / 60)) + " min";
const sum = values => Object.values(values).reduce((all, one) => all + one, 0);
const set = (name, text) => {
  const place = document.querySelector(`[data-live="${name}"]`);
  if (place !== null && place.textContent !== text) { place.textContent = text; }
  return place;
};
const warn = text => {
  const place = set("warning", text);
  if (place !== null) { place.hidden = text === ""; }
};
function show(status) {
  set("customers", count.format(status.customers));
  set("rate", rate.format(status.events_per_second));
  set("lag", count.format(sum(status.lag) + status.behind));
  set("late", seconds(status.late_seconds));
  set("age", seconds(status.age_seconds));
  set("read", "Read " + new Date(1000 * status.at).toLocaleTimeString() + ", and again every 2 s.");
  const silent = status.partitions.each.filter(one => one.stale).length + status.partitions.missing.length;
  warn(!status.stale ? "" : `${silent} of ${status.partitions.of ?? status.partitions.each.length}`
    + " partitions have said nothing lately: no worker has them. What is shown of them is old.");
}
async function ask() {
  try {
    const answer = await fetch("/v1/status", {cache: "no-store", signal: AbortSignal.timeout(GIVE_UP_MS)});
    const body = await answer.json();
    if (document.body.dataset.away !== undefined && answer.status !== 503) { return location.reload(); }
    if (!answer.ok) { return warn(body.detail + " What is shown is old."); }
    show(body);
  } catch (error) {
    warn("This server does not answer. What is shown is old.");
  } finally {
    setTimeout(ask, EVERY_MS);
  }
}
setTimeout(ask, EVERY_MS);
