// Starts the npm package `emulate` as a Slack, unchanged. Version 0.12.2 signs and delivers events but has no setting for
// an address to deliver them to, and knows no app_mention: both are added here around its own plugin.
//   node slack_emulate.mjs PORT SEED.json EVENTS_URL BOT_USER
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [port, seed, eventsUrl, bot] = process.argv.slice(2);
const folder = dirname(fileURLToPath(import.meta.resolve("emulate")));
const holdsSlack = (name) =>
  name.endsWith(".js") && name !== "api.js" && readFileSync(join(folder, name), "utf8").includes("views.generateTriggerId");
const { slackPlugin } = await import(pathToFileURL(join(folder, readdirSync(folder).find(holdsSlack))).href);

const register = slackPlugin.register;
slackPlugin.register = function (app, store, webhooks, ...rest) {
  webhooks.register({ url: eventsUrl, events: ["*"], active: true, owner: "slack" });
  const dispatch = webhooks.dispatch.bind(webhooks);
  webhooks.dispatch = async (name, action, payload, ...where) => {
    await dispatch(name, action, payload, ...where);
    const event = payload?.event;
    if (name === "message" && !event.subtype && event.user !== bot && event.text?.includes(`<@${bot}>`)) {
      const mention = { ...payload, event_id: `${payload.event_id}M`, event: { ...event, type: "app_mention" } };
      await dispatch("app_mention", action, mention, ...where);
    }
  };
  return register.call(this, app, store, webhooks, ...rest);
};

const { createEmulator } = await import("emulate");
const slack = await createEmulator({ service: "slack", port: Number(port), seed: JSON.parse(readFileSync(seed, "utf8")) });
console.log(`READY ${slack.url}`);
process.on("SIGTERM", async () => {
  await slack.close();
  process.exit(0);
});
