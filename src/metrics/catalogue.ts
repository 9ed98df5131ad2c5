import { bodyEnds } from '../base/ends.ts'
import { failureKinds, tokenTypes, usageSources } from './layout.ts'
import { drainPhases, single, type Metric } from './metric.ts'
import { processMetrics } from './process.ts'
import { histograms, isCounted, pools, routeRows, row, upstreamEvent } from './rows.ts'
import { statusLabels } from './statuses.ts'
import { tenantMetrics } from './catalogue-tenants.ts'

/** Every metric that relay has. What is kept by route or upstream is named for at most the slots there are, then `other`. */
export const catalogue: readonly Metric[] = [
  {
    name: 'relay_calls_total',
    type: 'counter',
    help: 'Calls that ended, by route and by the status that the caller got.',
    labels: ['route', 'status'],
    read: (scrape) => routeRows(scrape, 'calls', statusLabels, 'status').filter(isCounted),
  },
  {
    name: 'relay_call_ends_total',
    type: 'counter',
    help: 'Calls by how they ended; all but done were cut short.',
    labels: ['route', 'end'],
    read: (scrape) => routeRows(scrape, 'ends', bodyEnds, 'end'),
  },
  {
    name: 'relay_call_duration_seconds',
    type: 'histogram',
    help: 'Time from the head of a call to the end of its reply.',
    labels: ['route', 'le'],
    read: (scrape) => histograms(scrape, 'durations'),
  },
  {
    name: 'relay_tokens_total',
    type: 'counter',
    help: 'Tokens that Claude upstreams reported, or that were estimated where they did not.',
    labels: ['route', 'type'],
    read: (scrape) => routeRows(scrape, 'tokens', tokenTypes, 'type'),
  },
  {
    name: 'relay_usage_calls_total',
    type: 'counter',
    help: 'Calls whose tokens were counted, by where the counts came from.',
    labels: ['route', 'source'],
    read: (scrape) => routeRows(scrape, 'usages', usageSources, 'source'),
  },
  {
    name: 'relay_refused_total',
    type: 'counter',
    help: 'Messages that were refused before they became a call, by failure.',
    labels: ['failure'],
    read: (scrape) => row(scrape.sums, scrape.numbers.layout.refused, failureKinds, (failure) => ({ failure })).filter(isCounted),
  },
  {
    name: 'relay_connections_total',
    type: 'counter',
    help: 'Connections accepted from callers.',
    labels: [],
    read: ({ sums, numbers }) => single(sums[numbers.layout.accepted] ?? 0),
  },
  {
    name: 'relay_open_connections',
    type: 'gauge',
    help: 'Connections of callers that are open.',
    labels: [],
    read: ({ sums, numbers }) => single(sums[numbers.layout.connections] ?? 0),
  },
  {
    name: 'relay_active_calls',
    type: 'gauge',
    help: 'Calls that have not ended.',
    labels: [],
    read: ({ sums, numbers }) => single(sums[numbers.layout.activeCalls] ?? 0),
  },
  {
    name: 'relay_open_streams',
    type: 'gauge',
    help: 'Streamed replies that are open.',
    labels: [],
    read: ({ sums, numbers }) => single(sums[numbers.layout.streams] ?? 0),
  },
  {
    name: 'relay_upstream_first_byte_seconds',
    type: 'histogram',
    help: 'Time until the first byte of a reply came from an upstream.',
    labels: ['upstream', 'le'],
    read: (scrape) => histograms(scrape, 'firstBytes'),
  },
  {
    name: 'relay_pool_connections',
    type: 'gauge',
    help: 'Connections to an upstream, in use or kept for the next call.',
    labels: ['upstream', 'state'],
    read: (scrape) =>
      pools(scrape, ({ open, idle }) => [
        { labels: { state: 'active' }, value: Math.max(0, open - idle) },
        { labels: { state: 'idle' }, value: idle },
      ]),
  },
  {
    name: 'relay_pool_waiting',
    type: 'gauge',
    help: 'Calls that wait for a connection to an upstream.',
    labels: ['upstream'],
    read: (scrape) => pools(scrape, ({ waiting }) => single(waiting)),
  },
  {
    name: 'relay_pool_limit',
    type: 'gauge',
    help: 'Connections that may be open to an upstream, over all workers.',
    labels: ['upstream'],
    read: (scrape) => pools(scrape, ({ limit }) => single(limit)),
  },
  {
    name: 'relay_upstream_connections_total',
    type: 'counter',
    help: 'Connections opened to an upstream.',
    labels: ['upstream'],
    read: (scrape) => upstreamEvent(scrape, 'opened'),
  },
  {
    name: 'relay_upstream_connect_failures_total',
    type: 'counter',
    help: 'Connections to an upstream that could not be opened.',
    labels: ['upstream'],
    read: (scrape) => upstreamEvent(scrape, 'connect_failed'),
  },
  {
    name: 'relay_upstream_retries_total',
    type: 'counter',
    help: 'Calls that were sent again on another connection of the same upstream.',
    labels: ['upstream'],
    read: (scrape) => upstreamEvent(scrape, 'retried'),
  },
  {
    name: 'relay_log_lines_dropped_total',
    type: 'counter',
    help: 'Log lines that were lost because nobody read them in time.',
    labels: [],
    read: ({ sums, numbers, control }) => single((sums[numbers.layout.logDropped] ?? 0) + control.logLinesDropped),
  },
  {
    name: 'relay_event_loop_lag_seconds',
    type: 'gauge',
    help: 'The longest that a timer of a worker was late in the last interval.',
    labels: ['worker'],
    read: ({ numbers }) => numbers.readLags().map((value, worker) => ({ labels: { worker: String(worker) }, value })),
  },
  {
    name: 'relay_workers',
    type: 'gauge',
    help: 'Workers that are running.',
    labels: [],
    read: ({ control }) => single(control.workers),
  },
  {
    name: 'relay_worker_restarts_total',
    type: 'counter',
    help: 'Workers that were started in the place of one that crashed.',
    labels: [],
    read: ({ control }) => single(control.workerRestarts),
  },
  {
    name: 'relay_config_version',
    type: 'gauge',
    help: 'Version of the configuration that is in force.',
    labels: [],
    read: ({ control }) => single(control.configVersion),
  },
  {
    name: 'relay_config_last_reload_successful',
    type: 'gauge',
    help: '1 when the last attempt to load the configuration succeeded, 0 when it changed nothing.',
    labels: [],
    read: ({ control }) => single(control.lastReloadSuccessful ? 1 : 0),
  },
  {
    name: 'relay_drain_phase',
    type: 'gauge',
    help: '1 for the phase that relay is in, 0 for the others.',
    labels: ['phase'],
    read: ({ control }) => drainPhases.map((phase) => ({ labels: { phase }, value: phase === control.drainPhase ? 1 : 0 })),
  },
  {
    name: 'relay_build_info',
    type: 'gauge',
    help: 'Always 1; its labels say what is running.',
    labels: ['version', 'node'],
    read: ({ control }) => [{ labels: { version: control.version, node: process.versions.node }, value: 1 }],
  },
  ...tenantMetrics,
  ...processMetrics,
]
