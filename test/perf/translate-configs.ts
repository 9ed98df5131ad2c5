import { echoProto } from './echo.ts'
import { haproxyProxy, nginx, secretName, type ProxySetting } from './proxy-configs.ts'

/** What is translated into what. */
export type Translation = 'grpc' | 'json' | 'http2'

/** The configurations of those that can do it. */
export function configsFor(kind: Translation): {
  readonly nginx: (setting: ProxySetting) => string
  readonly haproxy: (setting: ProxySetting) => string
  readonly relay: (setting: ProxySetting) => string
} {
  return {
    nginx: (setting) => nginxHttp2(setting, kind),
    haproxy: (setting) => haproxyHttp2(setting, kind),
    relay: (setting) => relayTranslate(setting, kind),
  }
}

function nginxHttp2({ clear, upstream }: ProxySetting, kind: Translation): string {
  const pass =
    kind === 'grpc' ? 'grpc_pass grpc://origin;' : 'proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";'
  return nginx(
    'proxy',
    `upstream origin { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 100000000; }
    server { listen 127.0.0.1:${clear} http2 backlog=4096; http2_max_concurrent_streams 128; location / { ${pass} } }`,
  )
}

function haproxyHttp2(setting: ProxySetting, kind: Translation): string {
  const callers = haproxyProxy(setting).replace('backlog 4096', 'proto h2 backlog 4096')
  return kind === 'grpc' ? callers.replace('maxconn 4000', 'proto h2 maxconn 4000') : callers
}

/** As calls are measured: a credential swapped, a header rule each way, metrics on. */
function relayTranslate({ clear, upstream }: ProxySetting, kind: Translation): string {
  const http = { url: `http://127.0.0.1:${upstream}`, kind: 'claude', credential: { env: secretName } }
  const grpc = { url: `grpc://127.0.0.1:${upstream}`, ...(kind === 'json' ? { proto: echoProto } : {}) }
  return JSON.stringify({
    listen: [`127.0.0.1:${clear}`],
    admin: '127.0.0.1:0',
    workers: 1,
    bounds: { connections: 100_000 },
    timeouts: { idle: '10m' },
    drain: { delay: 0, grace: '1s', streamGrace: '1s' },
    log: { level: 'warn', access: false },
    upstreams: { origin: kind === 'http2' ? http : grpc },
    headers: { request: { set: { 'x-perf-request': 'relay' } }, reply: { set: { 'x-perf-reply': 'relay' } } },
    routes: { '/': 'origin' },
  })
}
