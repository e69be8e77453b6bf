// A client of VTube Studio's API: npm's vtubestudio. Its argument is the port. It tests the server of our tests.
const { ApiClient } = require("vtubestudio");
const WebSocket = require("ws");
let token = "";
const client = new ApiClient({
  authTokenGetter: () => token,
  authTokenSetter: (given) => { token = given; },
  pluginName: "peer",
  pluginDeveloper: "peer",
  port: Number(process.argv[2]),
  webSocketFactory: (url) => new WebSocket(url),
});
client.on("connect", async () => {
  try {
    const state = await client.apiState();
    await client.parameterCreation({ parameterName: "JawOpen", explanation: "", min: 0, max: 1, defaultValue: 0 });
    await client.injectParameterData({ parameterValues: [{ id: "JawOpen", value: 0.5 }] });
    let refused = 0;
    try {
      await client.injectParameterData({ parameterValues: [{ id: "NoSuchOne", value: 0.5 }] });
    } catch (error) { refused = error.data.errorID; }
    console.log(JSON.stringify({ active: state.active, authenticated: state.currentSessionAuthenticated, refused }));
    process.exit(0);
  } catch (error) { console.log(JSON.stringify({ error: String(error) })); process.exit(1); }
});
