// A receiver of OSC: npm's node-osc. Prints its port, then each message as a line of JSON.
const { Server } = require("node-osc");
const dgram = require("dgram");
const probe = dgram.createSocket("udp4");
probe.bind(0, "127.0.0.1", () => {
  const port = probe.address().port;
  probe.close(() => {
    const server = new Server(port, "127.0.0.1", () => console.log(port));
    server.on("bundle", (bundle) => bundle.elements.forEach((one) => console.log(JSON.stringify(one))));
    server.on("message", (message) => console.log(JSON.stringify(message)));
  });
});
