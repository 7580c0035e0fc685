// The calls of hot-shots in its dogstatsd and telegraf modes; arguments: the folder of the package, the port.
const [, , folder, port] = process.argv;
const StatsD = require(folder);
const common = { host: '127.0.0.1', port: Number(port), errorHandler: (error) => { throw error; } };

const dog = new StatsD({ ...common, prefix: 'hot.', suffix: '.js', globalTags: { env: 'prod' } });
dog.increment('hits', 2, ['route:/v1', 'solo']);
dog.increment('hits', 3, ['solo', 'route:/v1']);
dog.decrement('down', 4);
dog.gauge('temp', 36.6, { host: 'db1:5432' });
dog.gaugeDelta('temp', -0.5, { host: 'db1:5432' });
dog.timing('took', 320.5);
dog.histogram('wait', 1.5);
dog.distribution('size', 12);
dog.set('peers', '10.0.0.1:8080');
dog.set('peers', '10.0.0.1:8081');
dog.event('deploy', 'v2\nline two', { alert_type: 'success' }, ['svc:api']);
dog.check('sync.up', dog.CHECKS.CRITICAL, { message: 'down' }, ['region:eu']);

const telegraf = new StatsD({ ...common, prefix: 'tele.', telegraf: true, globalTags: { env: 'prod' } });
telegraf.increment('hits', 2, { host: 'a', url: 'http://x:80/y' });
telegraf.increment('hits', 3, { url: 'http://x:80/y', host: 'a' });
telegraf.timing('took', 5, { host: 'a' });

const buffered = new StatsD({ ...common, prefix: 'buf.', maxBufferSize: 500, bufferFlushInterval: 20 });
for (let n = 0; n < 100; n += 1) buffered.increment('hits');

for (const client of [dog, telegraf, buffered]) client.close((error) => { if (error) throw error; });
