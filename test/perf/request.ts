/** The call that everything is measured with: a POST as the official SDK sends it, its fifteen fields without Host and length. */
export const sdkFields: readonly (readonly [string, string])[] = [
  ['accept', 'application/json'],
  ['content-type', 'application/json'],
  ['user-agent', 'Anthropic/JS 1.12.0'],
  ['x-stainless-retry-count', '0'],
  ['x-stainless-timeout', '600'],
  ['x-stainless-lang', 'js'],
  ['x-stainless-package-version', '1.12.0'],
  ['x-stainless-os', 'Linux'],
  ['x-stainless-arch', 'x64'],
  ['x-stainless-runtime', 'node'],
  ['x-stainless-runtime-version', 'v26.10.0'],
  ['anthropic-version', '2023-06-01'],
  ['anthropic-beta', 'prompt-caching-2024-07-31'],
  ['x-api-key', 'sk-ant-caller-0123456789abcdef'],
  ['accept-encoding', 'gzip, deflate, br'],
]

/** Where it goes. */
export const messagesPath = '/v1/messages'

/** Its body, 1.1 KB. */
export const requestBody: string = JSON.stringify({
  model: 'claude-perf',
  max_tokens: 1024,
  messages: [{ role: 'user', content: 'what a relay costs is what it takes away from others. '.repeat(20).trim() }],
})

/** What the upstream answers, 0.4 KB. */
export const answerBody: string = JSON.stringify({
  id: 'msg_01PerfPerfPerfPerfPerfPe',
  type: 'message',
  role: 'assistant',
  content: [{ type: 'text', text: 'A short and fixed answer, as long as most are that say no more than that all went well here.' }],
  model: 'claude-perf',
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 312, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 26 },
})

/** The whole message, for loads of our own; `extra` fields are lines with CRLF. */
export function rawRequest(port: number, extra = ''): string {
  const fields = sdkFields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const length = Buffer.byteLength(requestBody)
  return `POST ${messagesPath} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${fields}${extra}content-length: ${length}\r\n\r\n${requestBody}`
}
