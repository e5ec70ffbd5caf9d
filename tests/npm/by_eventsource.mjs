/** Prints the id of each tick of the stream that is named; npm's eventsource, which returns by itself. */

import { EventSource } from "eventsource";

const source = new EventSource(process.argv[2]);
source.addEventListener("prices", (event) => console.log(event.lastEventId));
