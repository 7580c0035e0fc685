// The calls of node-statsd, statsd-client and lynx; arguments: the folder of each package, the port.
const [, , nodeStatsd, statsdClient, lynx, portText] = process.argv;
const port = Number(portText);

const NodeStatsd = require(nodeStatsd);
const one = new NodeStatsd({ host: '127.0.0.1', port, prefix: 'ns.', global_tags: ['env:prod'] });
one.increment('hits');
one.increment('hits', 5);
one.decrement('hits', 2);
one.gauge('temp', 36.6);
one.timing('took', 320);
one.histogram('wait', 1.5);
one.unique('users', 'ann');
one.unique('users', 'bob');
one.increment(['a', 'b']);

const StatsdClient = require(statsdClient);
const two = new StatsdClient({ host: '127.0.0.1', port, prefix: 'sc', tags: { env: 'prod' } });
two.counter('hits', 5);
two.increment('hits');
two.decrement('hits', 2);
two.gauge('level', 70);
two.gaugeDelta('level', -3);
two.set('users', 'ann');
two.timing('took', 320);
two.histogram('wait', 2);

const Lynx = require(lynx);
const three = new Lynx('127.0.0.1', port, { scope: 'lx' });
three.increment('hits');
three.decrement('hits');
three.count('hits', 7);
three.gauge('level', 100);
three.gauge('level', '-1');
three.timing('took', 320);
three.set('users', 'ann');
three.send({ batched: '1|c', other: '2|c' });

// The sockets are the clients' own; datagrams that wait for a name to be resolved need a moment.
setTimeout(() => { one.close(); two.close(); three.close(); }, 500);
