/**
 * Preloaded into a sidecar: tells the bench, over IPC, of every pause of the main loop over 5 ms. A timer of 1 ms that
 * fires late has waited for the loop; what it waited beyond its 1 ms is the pause.
 */
const notableMs = 5;
let last = performance.now();
const timer = setInterval(() => {
  const now = performance.now();
  const pause = now - last - 1;
  last = now;
  if (pause > notableMs) process.send?.([Date.now(), pause]);
}, 1);
timer.unref();
process.channel?.unref();
