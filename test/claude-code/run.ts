import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { digestOf, keyOf } from '../flows/tenancy.ts'
import { home } from '../helpers/cli.ts'
import { relayProcess, type RelayProcess } from '../helpers/relay-process.ts'

/**
 * Drives Claude Code, the program of `CLAUDE_CODE_BIN`, against relay with the built-in fake behind it: no account, no network. Each
 * check runs it once with a home of its own.
 */
const binary = process.env['CLAUDE_CODE_BIN'] ?? ''
if (!existsSync(binary)) {
  const why = binary === '' ? 'CLAUDE_CODE_BIN is not set' : `CLAUDE_CODE_BIN names ${binary}, which is not there`
  process.stderr.write(`${why}: set it to the program of Claude Code (npm install @anthropic-ai/claude-code brings it)\n`)
  process.exit(2)
}

const secondsEach = 90
const key = 'sk-ant-api03-a-key-of-nobody'

/** Says what is wrong, or null. */
type Check = (world: World) => Promise<string | null>

const checks: Readonly<Record<string, Check>> = {
  'it says hi, and relay counts what that used': async ({ ask, calls, relay }) => {
    const { out, exit } = await ask('say hi')
    if (exit !== 0 || !out.includes('Hello! This is the built-in fake')) return `exit ${exit}: ${out}`
    const used = await relay.metric('relay_tokens_total', 'type="output"')
    return calls().length > 0 && used > 0 ? null : `${calls().length} calls, ${used} tokens`
  },
  'it uses a tool, and goes on with what the tool said': async ({ ask, calls, path }) => {
    const made = path('made-by-the-tool')
    const input = JSON.stringify({ command: `echo done > ${made}`, description: 'make a file' })
    const { out, exit } = await ask(`[tool Bash ${input}]`, '--allowedTools', 'Bash')
    if (exit !== 0 || !out.includes('The tool has answered')) return `exit ${exit}: ${out}`
    if (!existsSync(made) || readFileSync(made, 'utf8') !== 'done\n') return 'the tool did not run'
    return calls().length >= 2 ? null : `${calls().length} calls`
  },
  'it shows a spend limit at once, after one call': async ({ ask, calls }) => {
    const { out } = await ask('[error 429 should-retry false]')
    const limited = calls().filter(({ status }) => status === 429)
    return limited.length === 1 && out.includes('429') ? null : `${limited.length} calls with 429: ${out}`
  },
  'it waits and asks again when it is throttled': async ({ ask, calls }) => {
    const { out, exit } = await ask('[error 529 retry-after 1] say hi', '--max-turns', '1', { CLAUDE_CODE_MAX_RETRIES: '2' })
    const limited = calls().filter(({ status }) => status === 529)
    return limited.length === 3 && exit !== 0 ? null : `${limited.length} calls with 529, exit ${exit}: ${out}`
  },
  'its end in mid-stream cancels the upstream': async ({ start, calls, relay }) => {
    const { child } = start('[tokens 20000] [pace 50ms]')
    const ended = once(child, 'exit')
    while ((await relay.metric('relay_open_streams')) === 0) await wait(20)
    child.kill('SIGTERM')
    while ((await relay.metric('relay_open_streams')) > 0) await wait(20)
    while ((await relay.metric('relay_pool_connections', 'state="active"')) > 0) await wait(20)
    await ended
    await relay.logged((line) => line['msg'] === 'call' && line['end'] === 'cancelled')
    return calls().some(({ end }) => end === 'cancelled') ? null : 'no call counts as cancelled'
  },
}

/** Those with the key of a tenant, and what that tenant may use. */
const tenantChecks: Readonly<Record<string, readonly [limits: object, check: Check]>> = {
  "it works with a tenant's key, and the ledger has what that cost": [
    { requests: '600/m', budget: '50usd/day' },
    async ({ ask, calls, relay }) => {
      const { out, exit } = await ask('say hi')
      if (exit !== 0 || !out.includes('Hello! This is the built-in fake')) return `exit ${exit}: ${out}`
      const cost = await relay.metric('relay_tenant_cost_usd_total', `tenant="${tenant}"`)
      return cost > 0 && calls().every(({ status }) => status === 200) ? null : `cost ${cost}`
    },
  ],
  'it stops at once when its budget is spent, after one call, and says why': [
    { budget: '0.0001usd/day' },
    async ({ ask, calls }) => {
      const { out, exit } = await ask('say hi')
      const isTold = out.includes(`over the limit budget-day of tenant ${tenant}`)
      return calls().length === 1 && calls()[0]?.status === 429 && exit !== 0 && isTold
        ? null
        : `${calls().length} calls, exit ${exit}: ${out}`
    },
  ],
  'it waits as long as it is told when it is over a rate limit, and goes on': [
    { requests: { rate: '15/m', burst: 1 } },
    async ({ ask, calls, path }) => {
      const input = JSON.stringify({ command: `echo done > ${path('made')}`, description: 'make a file' })
      const { out, exit } = await ask(`[tool Bash ${input}]`, '--allowedTools', 'Bash')
      if (exit !== 0 || !out.includes('The tool has answered')) return `exit ${exit}: ${out}`
      const refused = calls().findIndex(({ status }) => status === 429)
      const [no, next] = calls().slice(refused)
      if (refused < 0 || no === undefined || next === undefined) return 'it was never over its limit'
      // A permit every four seconds, and it is told whole seconds.
      const waited = Date.parse(next.time) - Date.parse(no.time)
      return waited > 1_500 && next.status === 200 ? null : `it came again after ${waited} ms, and got ${next.status}`
    },
  ],
}

const tenant = 'coder'

interface World {
  readonly relay: RelayProcess
  readonly path: (name: string) => string
  readonly start: (
    prompt: string,
    ...more: readonly (string | NodeJS.ProcessEnv)[]
  ) => { readonly child: ChildProcess; readonly out: () => string }
  readonly ask: (
    prompt: string,
    ...more: readonly (string | NodeJS.ProcessEnv)[]
  ) => Promise<{ readonly out: string; readonly exit: number | null }>
  /** The calls for messages that relay has logged. */
  readonly calls: () => readonly Line[]
}

async function world(scope: AsyncDisposableStack, limits: object | null): Promise<World> {
  const t = { teardown: (work: () => unknown): void => scope.defer(async () => void (await work())) }
  const place = home(t)
  const tenants = limits === null ? {} : { tenants: { [tenant]: { keys: [digestOf(keyOf(tenant))], ...limits } } }
  const relay = await relayProcess(t, { upstreams: { claude: 'builtin:claude' }, routes: { '/': 'claude' }, ...tenants })
  const start: World['start'] = (prompt, ...more) => {
    const args = more.filter((one) => typeof one === 'string')
    const extra = Object.assign({}, ...more.filter((one) => typeof one === 'object')) as NodeJS.ProcessEnv
    const env = { ...environment(relay.url, place.folder), ANTHROPIC_API_KEY: limits === null ? key : keyOf(tenant), ...extra }
    const child = spawn(binary, ['-p', prompt, ...args], { cwd: place.folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    let out = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (out += text))
    return { child, out: () => out }
  }
  return {
    relay,
    path: (name) => place.path(name),
    start,
    ask: async (prompt, ...more) => {
      const { child, out } = start(prompt, ...more)
      const [exit] = (await once(child, 'close')) as [number | null]
      return { out: out(), exit }
    },
    calls: () => lines(relay.log()).filter(({ msg, path }) => msg === 'call' && path === '/v1/messages'),
  }
}

/** Nothing of the machine's own settings, and nothing that would call home. */
function environment(url: string, folder: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: folder,
    ANTHROPIC_BASE_URL: url,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_AUTOUPDATER: '1',
  }
}

interface Line {
  /** When it ended, ISO 8601. */
  readonly time: string
  readonly msg: string
  readonly path: string
  readonly status: number
  readonly end: string
}

function lines(log: string): readonly Line[] {
  return log.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []))
}

async function passes(name: string, limits: object | null, check: Check): Promise<boolean> {
  const started = performance.now()
  await using scope = new AsyncDisposableStack()
  const late = wait(secondsEach * 1_000, `it took longer than ${secondsEach} s`, { ref: false })
  const wrong = await Promise.race([world(scope, limits).then(check), late]).catch(String)
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  process.stdout.write(wrong === null ? `ok   ${name} (${seconds} s)\n` : `FAIL ${name} (${seconds} s)\n     ${wrong}\n`)
  return wrong === null
}

const all = [
  ...Object.entries(checks).map(([name, check]) => ({ name, limits: null, check })),
  ...Object.entries(tenantChecks).map(([name, [limits, check]]) => ({ name, limits, check })),
]
let failed = 0
for (const { name, limits, check } of all) if (!(await passes(name, limits, check))) failed++
process.stdout.write(`${all.length - failed} passed, ${failed} failed\n`)
process.exit(failed === 0 ? 0 : 1)
