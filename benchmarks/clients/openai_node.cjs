// openai-node: `node openai_node.cjs JSON` prints what the work took.
//
// Needs OPENAI_NODE, a folder whose node_modules has `openai` and `ws`. The SDK asks for TLS always;
// the stream it gets here is the same TCP as everybody else's.

const net = require("node:net");
const path = require("node:path");
const { createRequire } = require("node:module");

const load = createRequire(path.resolve(process.env.OPENAI_NODE, "package.json"));
const OpenAI = load("openai").OpenAI;
const { OpenAIRealtimeWS } = load("openai/realtime/ws");

const START_EVENTS = 46; // one turn, as `TURN_EVENTS` in frames.py
const PCM = Buffer.from(Array.from({ length: 960 }, (_, n) => (n * 7) % 256));
const TYPES = {
  text: "response.output_text.delta",
  audio: "response.output_audio.delta",
  sized: "response.output_audio.delta",
  done: "response.done",
};

const client = new OpenAI({ apiKey: "test", baseURL: process.env.OPENAI_BASE_URL });

function connect(model) {
  const options = { createConnection: (to) => net.connect(to.port, to.host) };
  return new OpenAIRealtimeWS({ model, options }, client);
}

function once(rt, type) {
  return new Promise((resolve) => rt.once(type, resolve)); // an `error` nobody hears ends node
}

function watch() {
  const cpu = process.cpuUsage();
  const wall = performance.now();
  return (count) => {
    const used = process.cpuUsage(cpu);
    const took = performance.now() - wall;
    return { each: took / 1e3 / count, cpu: (used.user + used.system) / 1e6 / count };
  };
}

function append(rt, pcm) {
  rt.send({ type: "input_audio_buffer.append", audio: pcm.toString("base64") });
}

async function receive({ load, count, size }) {
  const rt = connect(size === undefined ? `${load}-${count}` : `${load}-${count}-${size}`);
  await once(rt, "session.created");
  const isAudio = TYPES[load] === TYPES.audio;
  let total = 0;
  let left = count;
  const stop = watch();
  const all = new Promise((resolve) => {
    rt.on(TYPES[load], (event) => {
      if (isAudio) total += Buffer.from(event.delta, "base64").length;
      else if (load === "text") total += event.delta.length;
      if (--left === 0) resolve();
    });
  });
  append(rt, PCM);
  await all;
  return stop(count);
}

async function mix({ count }) {
  const rt = connect(`mix-${count}`);
  await once(rt, "session.created");
  let audio = 0;
  let left = count;
  const stop = watch();
  const all = new Promise((resolve) => {
    rt.on(TYPES.audio, (event) => {
      audio += Buffer.from(event.delta, "base64").length;
    });
    rt.on("event", () => {
      if (--left === 0) resolve();
    });
  });
  append(rt, PCM);
  await all;
  return stop(count);
}

async function appends({ count, size }) {
  const pcm = Buffer.alloc(size);
  const rt = connect("append");
  await once(rt, "session.created");
  const stop = watch();
  for (let n = 0; n < count; n++) append(rt, pcm);
  rt.send({ type: "input_audio_buffer.commit" });
  await once(rt, "input_audio_buffer.committed");
  return stop(count);
}

async function connections({ count }) {
  let wall = 0;
  let cpu = 0;
  for (let n = 0; n < count; n++) {
    const stop = watch();
    const rt = connect("connect");
    await once(rt, "session.created");
    const took = stop(count);
    wall += took.each;
    cpu += took.cpu;
    rt.close();
    await new Promise((resolve) => rt.socket.once("close", resolve));
  }
  return { each: wall, cpu };
}

async function echo({ count, rate }) {
  const rt = connect("echo");
  await once(rt, "session.created");
  const took = [];
  const start = performance.now();
  for (let n = 0; n < count; n++) {
    const wait = start + (n * 1e3) / rate - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const sent = performance.now();
    append(rt, PCM);
    Buffer.from((await once(rt, TYPES.audio)).delta, "base64");
    took.push((performance.now() - sent) / 1e3);
  }
  took.sort((a, b) => a - b);
  const at = (share) => took[Math.min(count - 1, Math.floor(share * count))];
  return { p50: at(0.5), p99: at(0.99) };
}

async function start() {
  await mix({ count: START_EVENTS });
  const used = process.cpuUsage();
  return { cpu: (used.user + used.system) / 1e6 };
}

async function warmUp() {
  await mix({ count: START_EVENTS });
  await receive({ load: "text", count: 100 });
  await appends({ count: 100, size: 960 });
}

const LOADS = {
  text: receive,
  audio: receive,
  sized: receive,
  done: receive,
  mix,
  start,
  append: appends,
  connect: connections,
  echo,
};

const work = JSON.parse(process.argv[2]);
(work.load === "start" ? start() : warmUp().then(() => LOADS[work.load](work))).then(
  (figures) => {
    console.log(JSON.stringify(figures));
    process.exit(0);
  },
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
