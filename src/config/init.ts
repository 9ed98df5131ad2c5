import { stringify } from 'yaml'
import { planFromText } from './load-text.ts'
import type { StartFlags } from './plan-from-flags.ts'
import { offlineSources } from './sources.ts'
import { readOrigin, usualKind } from './target.ts'

/** The commented config that does the same as `relay start` with these flags; throws a ConfigError where they cannot be used. */
export function initialConfig(flags: Omit<StartFlags, 'env' | 'parallelism'>): string {
  const text = [head(flags), upstream(flags), routes].join('\n')
  planFromText(text, { file: 'relay.config.yaml', sources: offlineSources })
  return text
}

function head(flags: StartFlags): string {
  return `# The config of relay. Check it with \`relay validate\`; start with \`relay start\`.
# Every key, with its default: \`relay config schema\`.

# Where callers connect.
listen: ${scalar(flags.listen ?? '127.0.0.1:8080')}
${flags.public === true ? publicLines : ''}
# Metrics and health, for this machine only. false: none.
admin: 127.0.0.1:9901
`
}

const publicLines = `
# Other machines may reach relay although it puts in a credential: whoever reaches the address spends that key.
public: true
`

function upstream({ upstream: url, keyEnv, kind }: StartFlags): string {
  return `# Where calls go.
upstreams:
  upstream:
    url: ${scalar(url)}
${kindLines(url, kind)}${keyEnv === undefined ? passLines : replaceLines(keyEnv)}`
}

function kindLines(url: string, kind: StartFlags['kind']): string {
  const read = readOrigin(url)
  const speaks = kind ?? (read.is === 'origin' ? usualKind(read.origin) : 'http')
  return `    # What speaks there: claude, http or grpc.\n    kind: ${speaks}\n`
}

const passLines = `    # The credential of the caller passes. To put in a key of your own, name the environment variable that holds it:
    # credential: { env: ANTHROPIC_API_KEY }
`

function replaceLines(keyEnv: string): string {
  return `    # The key that goes out instead of the credential of the caller is taken from this environment variable.
    credential: { env: ${scalar(keyEnv)} }
`
}

const routes = `# What callers ask for, and where it goes. The most specific route wins.
routes:
  # Everything goes to the upstream, path and query as they came.
  /: upstream
  # The version map: callers ask for /v1/user and all below it, and what is at the URL answers.
  # v1/user: https://api.claude.ai/v3/user

# Who may call, and how much. With tenants every call needs a key of one (make it with \`relay tenant add\`), and relay may listen
# for other machines.
# tenants:
#   search: { requests: 600/m, budget: 50usd/day }
`

function scalar(text: string): string {
  return stringify(text, { lineWidth: 0 }).trimEnd()
}
