// The original statsd without its sockets and clock: each case loads stats.js anew with its rim replaced (configuration
// file, servers, Graphite's connection, timers, clock), hands packets to the handler that a server would call, and fires
// the flush timer by hand. Cases come as JSON lines on standard input; answers go out likewise.
//
//     node original.js FOLDER-OF-THE-PACKAGE
//
// case:   { config, steps: [ { packets: [base64], ask: [command], flush: bool } ] }
// answer: { steps: [ { replies: [text], text, console } ] }, or { error }

const path = require('path');
const net = require('net');
const fs = require('fs');
const util = require('util');
const events = require('events');
// Loaded modules are known by their real path.
const root = fs.realpathSync(process.argv[2]);

const realNow = Date.now;
const RealDate = Date;
let nowMs = 1700000000000;
Date.now = () => nowMs;
global.Date = class extends RealDate {
  constructor(...args) { if (args.length) { super(...args); } else { super(nowMs); } }
  static now() { return nowMs; }
};

util.log = () => {};
let timers = [];
const realSetTimeout = global.setTimeout;
global.setTimeout = (run, ms) => { timers.push({ run, at: nowMs + ms }); return timers.length; };
global.setInterval = () => 0;
process.on = ((on) => function (name, run) { return ['exit', 'SIGTERM'].includes(name) ? this : on.call(this, name, run); })(process.on);

let sent = '';
net.createConnection = () => {
  const connection = new events.EventEmitter();
  connection.addListener = connection.on;
  connection.write = (body) => { sent += body; };
  connection.end = () => {};
  const on = connection.on;
  connection.on = function (name, run) { if (name === 'connect') { run.call(connection); } return on.call(this, name, run); };
  return connection;
};
let console_of = null;
net.createServer = (run) => ({ listen() { console_of = run; }, on() {} });
fs.watch = () => {};
const realReadFile = fs.readFile;
let configText = '';
fs.readFile = function (file, done) { if (file === 'the-case.js') { setImmediate(() => done(null, configText)); } else { realReadFile.apply(fs, arguments); } };

let printed = '';
const realConsoleLog = console.log;
console.log = (...args) => { printed += util.format(...args) + '\n'; };

const serverFile = path.join(require('os').tmpdir(), `original-server-${process.pid}.js`);
fs.writeFileSync(serverFile, 'exports.start = (config, callback) => { global.hear = callback; return true; };');
const put = process.stdout.write.bind(process.stdout);

function ask(command) {
  const stream = new events.EventEmitter();
  let reply = '';
  stream.setEncoding = () => {};
  stream.write = (text) => { reply += text; };
  stream.end = () => { reply += '<end>'; };
  console_of(stream);
  stream.emit('data', command);
  return reply;
}

async function runCase(one) {
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(root)) { delete require.cache[file]; }
  }
  timers = []; sent = ''; printed = ''; nowMs = 1700000000000;
  configText = `Object.assign(${one.config}, {servers: [{server: ${JSON.stringify(serverFile)}}]})`;
  process.argv = [process.argv[0], path.join(root, 'stats.js'), 'the-case.js'];
  require(path.join(root, 'stats.js'));
  await new Promise((done) => setImmediate(() => setImmediate(done)));
  const steps = [];
  for (const step of one.steps) {
    for (const packet of step.packets || []) { global.hear(Buffer.from(packet, 'base64'), {}); }
    const replies = (step.ask || []).map(ask);
    sent = ''; printed = '';
    if (step.flush) {
      const flush = timers.pop();
      nowMs = one.at_ms ? nowMs + one.at_ms : flush.at;
      flush.run();
    }
    steps.push({ replies, text: sent, console: printed });
  }
  return { steps };
}

async function main() {
  const lines = require('readline').createInterface({ input: process.stdin });
  for await (const line of lines) {
    let answer;
    try { answer = await runCase(JSON.parse(line)); } catch (error) { answer = { error: String(error.stack) }; }
    put(JSON.stringify(answer) + '\n');
  }
  fs.unlinkSync(serverFile);
}
main();
