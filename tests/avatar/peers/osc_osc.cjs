// A receiver of OSC: npm's osc. Prints its port, then each message as a line of JSON, with the types of its arguments.
const osc = require("osc");
const dgram = require("dgram");
const probe = dgram.createSocket("udp4");
probe.bind(0, "127.0.0.1", () => {
  const port = probe.address().port;
  probe.close(() => {
    const udp = new osc.UDPPort({ localAddress: "127.0.0.1", localPort: port, metadata: true });
    udp.on("ready", () => console.log(port));
    udp.on("message", (m) => console.log(JSON.stringify([m.address, ...m.args.map((a) => [a.type, a.value])])));
    udp.open();
  });
});
