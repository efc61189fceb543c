// Calls Doorman by gRPC with Node's own http2 module and no package. The scenarios are those of grpcio-client.py, and "pings".
import http2 from 'node:http2';
import { once, setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const [scenario, ...args] = process.argv.slice(2);

function check(condition, what, ...details) {
  if (!condition) {
    console.log('failed:', what, ...details);
    process.exit(1);
  }
}

// A varint of protobuf.
function varint(number) {
  const bytes = [];
  for (; number > 127; number >>>= 7) bytes.push((number & 127) | 128);
  return Buffer.from([...bytes, number]);
}

const field = (number, bytes) => Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);

// The fields of a message by number: bytes, or the last varint.
function fields(message) {
  const found = {};
  let position = 0;
  const read = () => {
    let number = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[position++];
      number += (byte & 127) * 2 ** shift;
      if (byte < 128) return number;
    }
  };
  while (position < message.length) {
    const key = read();
    const length = read();
    if ((key & 7) === 2) {
      (found[key >> 3] ??= []).push(message.subarray(position, (position += length)));
    } else {
      found[key >> 3] = length;
    }
  }
  return found;
}

async function connect(address) {
  const session = http2.connect(`http://${address}`);
  session.on('error', () => {});
  await once(session, 'connect');
  return session;
}

// Sends a unary call. Resolves to its status, message and trailers; `signal` gives it up.
function call(session, path, message, { timeout, signal } = {}) {
  const { promise, resolve } = Promise.withResolvers?.() ?? deferred();
  const headers = {
    ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers',
    ...(timeout ? { 'grpc-timeout': `${timeout}m` } : {}),
  };
  const stream = session.request(headers, { signal });
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([frame, message]));
  let trailers = {};
  const chunks = [];
  stream.on('response', (received) => (trailers = received));
  stream.on('trailers', (received) => (trailers = { ...trailers, ...received }));
  stream.on('data', (chunk) => chunks.push(chunk));
  stream.on('error', () => {});
  stream.on('close', () => {
    const status = trailers['grpc-status'];
    resolve({
      status: status === undefined ? undefined : Number(status),
      isRefused: stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM,
      code: stream.rstCode, trailers, message: Buffer.concat(chunks).subarray(5),
    });
  });
  return promise;
}

function deferred() {
  const result = {};
  result.promise = new Promise((resolve) => (result.resolve = resolve));
  return result;
}

const verify = (session, token, options = { timeout: 10_000 }) =>
  call(session, '/doorman.v1.Auth/Verify', field(1, Buffer.from(token)), options);

// The reason of Doorman's failure contract, in google.rpc.Status, Any and ErrorInfo.
function details(response) {
  const status = fields(Buffer.from(response.trailers['grpc-status-details-bin'] ?? '', 'base64'));
  const found = {};
  for (const detail of status[3] ?? []) {
    const any = fields(detail);
    const name = any[1][0].toString();
    if (name.endsWith('google.rpc.ErrorInfo')) found.reason = fields(any[2][0])[1][0].toString();
    if (name.endsWith('google.rpc.RetryInfo')) found.hasRetryInfo = true;
  }
  return found;
}

const scenarios = {
  async verdicts(address, token) {
    const session = await connect(address);
    const health = await call(session, '/grpc.health.v1.Health/Check', Buffer.alloc(0));
    check(health.status === 0 && fields(health.message)[1] === 1, 'health', health);
    const good = await verify(session, token);
    check(good.status === 0 && fields(good.message)[1][0].length > 0, 'identity', good);
    const bad = await verify(session, 'EMAWnobodys');
    check(bad.status === 16 && details(bad).reason === 'TOKEN_REJECTED', 'rejected', bad);
    const malformed = await verify(session, 'EAAfacebook');
    check(malformed.status === 3 && details(malformed).reason === 'MALFORMED_TOKEN', 'malformed', malformed);
    const unknown = await call(session, '/doorman.v1.Auth/Nothing', Buffer.alloc(0));
    check(unknown.status === 12, 'unknown method', unknown);
    const long = await verify(session, 'E'.repeat(100_000));
    check(long.status === 8 && details(long).reason === 'LIMIT_FRAME_LENGTH', 'too long', long);
    const all = await Promise.all(Array.from({ length: 500 }, () => verify(session, token)));
    check(all.every(({ status }) => status === 0), 'concurrent calls');
    check(!session.closed && !session.destroyed, 'connection');
    session.close();
  },

  async unavailable(address, token) {
    const session = await connect(address);
    const busy = await verify(session, token);
    check(busy.status === 14 && details(busy).reason === 'PROVIDER_BUSY', 'busy', busy);
    check(details(busy).hasRetryInfo && Number(busy.trailers['grpc-retry-pushback-ms']) > 0, 'retry hint', busy);
    session.close();
  },

  async deadline(address, token) {
    const session = await connect(address);
    const began = Date.now();
    const late = await verify(session, token, { timeout: 300 });
    check(late.status === 4 && Date.now() - began < 3000, 'deadline', late);
    session.close();
  },

  async cancellations(address, token, cached, seconds) {
    const session = await connect(address);
    check((await verify(session, cached)).status === 0, 'verify');
    const end = Date.now() + Number(seconds) * 1000;
    let count = 0;
    while (Date.now() < end) {
      const controller = new AbortController();
      setMaxListeners(1000, controller.signal);
      const calls = Array.from({ length: 100 }, () => verify(session, token, { timeout: 5000, signal: controller.signal }));
      await sleep(Math.random() * 40);
      controller.abort();
      await Promise.all(calls);
      count += calls.length;
    }
    check((await verify(session, cached)).status === 0, 'verify afterwards');
    check(!session.closed && !session.destroyed, 'connection');
    console.log(count, 'calls were given up');
    session.close();
  },

  async pings(address, token, count) {
    const session = http2.connect(`http://${address}`, { maxOutstandingPings: 1000 });
    await once(session, 'connect');
    for (let sent = 0; sent < Number(count); sent += 500) {
      await Promise.all(Array.from({ length: 500 }, () => new Promise((resolve, reject) => {
        session.ping((error) => (error ? reject(error) : resolve()));
      })));
      check((await verify(session, token)).status === 0, 'verify among PINGs');
    }
    check(!session.closed && !session.destroyed, 'connection');
    session.close();
  },

  // A client that goes to the next server at GOAWAY, and repeats only calls that the server refused.
  async drain(addresses, token, seconds) {
    const all = addresses.split(',');
    let session;
    let isConnecting;
    const next = () => (isConnecting ??= (async () => {
      for (let attempt = 0; attempt < 50; attempt++) {
        const address = all[0];
        all.push(all.shift());
        try {
          const made = await connect(address);
          made.on('goaway', () => { if (session === made) session = undefined; });
          made.on('close', () => { if (session === made) session = undefined; });
          session = made;
          break;
        } catch { await sleep(20); }
      }
      isConnecting = undefined;
    })());
    const end = Date.now() + Number(seconds) * 1000;
    let [count, repeated] = [0, 0];
    const load = async () => {
      while (Date.now() < end) {
        if (!session || session.closed || session.destroyed) { await next(); continue; }
        const response = await verify(session, token);
        if (response.status === 0) { count++; } else if (response.isRefused) { repeated++; } else {
          check(false, 'a call of a draining server', response);
        }
      }
    };
    await next();
    const loads = Array.from({ length: 8 }, load);
    console.log('ready');
    await Promise.all(loads);
    console.log(count, 'calls succeeded,', repeated, 'were refused and repeated');
    session?.close();
  },
};

await scenarios[scenario](...args);
console.log('all is well');
process.exit(0);
