import { Registry, type Metric as ClientMetric, type OpenMetricsContentType } from 'prom-client'

import { catalogue } from './catalogue.ts'
import type { ControlFacts, Metric, Scrape } from './metric.ts'
import type { Numbers } from './numbers.ts'

/** What a scrape gets. */
export interface Exposition {
  readonly type: string
  readonly text: string
}

/** All metrics, read at the moment somebody asks. */
export interface MetricsRegistry {
  /** The exposition in the format that `Accept` asks for: OpenMetrics, or Prometheus text. */
  render(accept: string | undefined): Promise<Exposition>
}

/** Where the metrics come from: the workers' numbers, and what control knows. */
export interface MetricsOptions {
  readonly numbers: Numbers
  readonly control: () => ControlFacts
}

/**
 * The metrics of `catalogue`, written by prom-client. Its own counters and histograms cannot be set to what others counted,
 * so each metric is an object of ours with the one method that the registry calls for its values. prom-client renames the
 * counters of an OpenMetrics registry for good, hence one registry a format.
 */
export function metricsRegistry({ numbers, control }: MetricsOptions): MetricsRegistry {
  let scrape: Scrape = { numbers, control: control(), sums: numbers.read() }
  const text = new Registry()
  const openMetrics = new Registry<OpenMetricsContentType>()
  openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  for (const metric of catalogue) {
    text.registerMetric(clientMetric(metric, () => scrape))
    openMetrics.registerMetric(clientMetric(metric, () => scrape))
  }

  return {
    render: async (accept = '') => {
      scrape = { numbers, control: control(), sums: numbers.read() }
      const registry = accept.includes('application/openmetrics-text') ? openMetrics : text
      return { type: registry.contentType, text: await registry.metrics() }
    },
  }
}

/** The part of a prom-client metric that a registry uses. */
function clientMetric(metric: Metric, scrape: () => Scrape): ClientMetric {
  const { name, type, help } = metric
  const client = {
    name,
    type,
    help,
    get: async () => ({
      // The registry may have renamed it.
      name: client.name,
      type,
      help,
      values: metric.read(scrape()).map(({ labels, value, suffix }) => ({
        labels,
        value,
        ...(suffix === undefined ? {} : { metricName: `${name}${suffix}` }),
      })),
    }),
  }
  // The declared type is a union of prom-client's classes; a registry calls nothing but `get` and reads `name` and `type`.
  return client as unknown as ClientMetric
}
