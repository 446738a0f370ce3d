// The stranger's voice: an invisible frame on the other origin that asks what the page tells it to ask.
import { experiments, loadAddresses, perform } from "./experiments.js";

const addresses = await loadAddresses();

addEventListener("message", async (event) => {
  if (event.origin !== addresses.page || event.source !== parent) return;
  const experiment = experiments.find(({ id }) => id === event.data.experiment);
  if (!experiment) return;
  const outcome = await perform(experiment, addresses);
  parent.postMessage({ turn: event.data.turn, outcome }, addresses.page);
});

parent.postMessage({ ready: true }, addresses.page);
