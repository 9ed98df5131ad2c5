import { folder } from './processes.ts'
import { answerBody } from './request.ts'

/** Ports and files that a proxy's configuration names. */
export interface ProxySetting {
  readonly clear: number
  /** null: no TLS. */
  readonly tls: { readonly port: number; readonly cert: string; readonly key: string; readonly both: string } | null
  readonly upstream: number
  /** Streams: answers are not gathered before they go on. */
  readonly isUnbuffered: boolean
}

/** nginx as a plain proxy with kept connections on both sides. */
export function nginxProxy({ clear, tls, upstream, isUnbuffered }: ProxySetting): string {
  const secure =
    tls === null ? '' : `listen 127.0.0.1:${tls.port} ssl backlog=4096; ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};`
  const unbuffered = isUnbuffered ? 'proxy_buffering off;' : ''
  return nginx(
    'proxy',
    `upstream origin { server 127.0.0.1:${upstream}; keepalive 2048; keepalive_requests 100000000; }
    server {
      listen 127.0.0.1:${clear} backlog=4096; ${secure}
      location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 600; ${unbuffered} }
    }`,
  )
}

/** nginx as the upstream: a fixed answer. */
export function nginxUpstream(port: number): string {
  const location = `location / { default_type application/json; return 200 '${answerBody}'; }`
  return nginx('upstream', `server { listen 127.0.0.1:${port} backlog=4096; ${location} }`)
}

/** Caddy as a reverse proxy. */
export function caddyProxy({ clear, tls, upstream, isUnbuffered }: ProxySetting): string {
  const pass = `reverse_proxy 127.0.0.1:${upstream}${isUnbuffered ? ' {\n flush_interval -1\n }' : ''}`
  const secure = tls === null ? '' : `https://127.0.0.1:${tls.port} {\n tls ${tls.cert} ${tls.key}\n ${pass}\n}\n`
  return `{\n admin off\n auto_https off\n}\nhttp://127.0.0.1:${clear} {\n ${pass}\n}\n${secure}`
}

/** HAProxy; without `strict-limits` it would reserve both sides of every connection it may have. */
export function haproxyProxy({ clear, tls, upstream }: ProxySetting): string {
  const secure = tls === null ? '' : `  bind 127.0.0.1:${tls.port} ssl crt ${tls.both} alpn http/1.1 backlog 4096\n`
  return `global
  maxconn 12000
  nbthread 1
  no strict-limits
defaults
  mode http
  option http-no-delay
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  http-reuse always
frontend callers
  bind 127.0.0.1:${clear} backlog 4096
${secure}  default_backend origin
backend origin
  server one 127.0.0.1:${upstream} maxconn 4000
`
}

/** What relay is measured with. */
export interface RelaySetting extends ProxySetting {
  readonly workers: number
  readonly accept: 'handover' | 'reusePort'
  readonly accessLog: boolean
}

/** Relay with what the design names: a credential swapped, a header rule each way, metrics on. */
export function relayConfig({ clear, tls, upstream, workers, accept, accessLog }: RelaySetting): string {
  const secure = tls === null ? [] : [{ address: `127.0.0.1:${tls.port}`, tls: { cert: tls.cert, key: tls.key } }]
  return JSON.stringify({
    listen: [`127.0.0.1:${clear}`, ...secure],
    admin: '127.0.0.1:0',
    workers,
    accept,
    bounds: { connections: 100_000 },
    timeouts: { idle: '10m' },
    drain: { delay: 0, grace: '1s', streamGrace: '1s' },
    log: { level: accessLog ? 'info' : 'warn', access: accessLog },
    upstreams: {
      origin: {
        url: `http://127.0.0.1:${upstream}`,
        kind: 'claude',
        credential: { env: secretName },
        pool: { connections: 4096, waiting: 16_384 },
      },
    },
    headers: { request: { set: { 'x-perf-request': 'relay' } }, reply: { set: { 'x-perf-reply': 'relay' } } },
    routes: { '/': 'origin' },
  })
}

/** The variable that holds the credential relay puts in. */
export const secretName = 'RELAY_PERF_KEY'

/** nginx with these servers. */
export function nginx(name: string, servers: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${name}-${kind};`)
    .join(' ')
  return `worker_processes 1; daemon off; pid ${folder}/nginx-${name}.pid; error_log ${folder}/nginx-${name}.err;
  events { worker_connections 32768; }
  worker_rlimit_nofile 65536;
  http {
    access_log off; keepalive_requests 100000000; keepalive_timeout 600; ${temporary}
    ${servers}
  }`
}
