import type { RequestOptions } from '../../src/openai/request.ts'

/** A chat completions request and what becomes of it; what is not said of the options is the default of the tests. */
export interface RequestCase {
  readonly name: string
  readonly asks: Readonly<Record<string, unknown>>
  /** Fields of Claude's request beside `model`, `max_tokens` and `messages`, which are `hi`'s unless told. */
  readonly becomes?: Readonly<Record<string, unknown>>
  /** The field that a refusal names; with `becomes`: only where the route is not lossy. */
  readonly refuses?: string | null
  readonly options?: Partial<RequestOptions>
}

const png = 'data:image/png;base64,iVBORw0KGgo='
const pdf = 'data:application/pdf;base64,JVBERi0='
const hi = { role: 'user', content: 'hi' }
const weather = {
  name: 'get_weather',
  description: 'of a place',
  parameters: { type: 'object', properties: { place: { type: 'string' } } },
}
const weatherTool = { name: 'get_weather', description: 'of a place', input_schema: weather.parameters }
const time = { name: 'get_time' }
const timeTool = { name: 'get_time', input_schema: { type: 'object', properties: {} } }
const both = [
  { type: 'function', function: weather },
  { type: 'function', function: time },
]
const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'], additionalProperties: false }

function said(...parts: readonly unknown[]): Readonly<Record<string, unknown>> {
  return { messages: [{ role: 'user', content: parts }] }
}

function call(id: string, name: string, args: string): Readonly<Record<string, unknown>> {
  return { id, type: 'function', function: { name, arguments: args } }
}

const messageCases: readonly RequestCase[] = [
  { name: 'a plain question', asks: {}, becomes: {} },
  {
    name: 'leading instructions of both kinds are the system prompt',
    asks: { messages: [{ role: 'system', content: 'be brief' }, { role: 'developer', content: [{ type: 'text', text: 'be kind' }] }, hi] },
    becomes: {
      system: [
        { type: 'text', text: 'be brief' },
        { type: 'text', text: 'be kind' },
      ],
    },
  },
  {
    name: 'later instructions move to the start',
    asks: { messages: [hi, { role: 'system', content: 'in French' }] },
    becomes: { system: 'in French' },
  },
  {
    name: 'messages of one role that follow each other are one',
    asks: {
      messages: [hi, { role: 'user', content: 'there' }, { role: 'assistant', content: 'yes' }, { role: 'assistant', content: '?' }, hi],
    },
    becomes: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'hi' },
            { type: 'text', text: 'there' },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'yes' },
            { type: 'text', text: '?' },
          ],
        },
        { role: 'user', content: 'hi' },
      ],
    },
  },
  {
    name: 'instructions between two messages of a user do not keep them apart',
    asks: { messages: [hi, { role: 'system', content: 's' }, hi] },
    becomes: {
      system: 's',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'hi' },
            { type: 'text', text: 'hi' },
          ],
        },
      ],
    },
  },
  {
    name: 'empty texts say nothing',
    asks: { messages: [hi, { role: 'assistant', content: '' }, { role: 'user', content: [] }] },
    becomes: {},
  },
  { name: 'nothing said at all', asks: { messages: [{ role: 'user', content: '' }] }, refuses: 'messages' },
  {
    name: 'instructions alone',
    asks: { messages: [{ role: 'system', content: 'hi' }] },
    refuses: 'messages',
    becomes: { messages: [{ role: 'user', content: 'hi' }] },
  },
  { name: 'no messages', asks: { messages: undefined }, refuses: 'messages' },
  { name: 'messages that are no list', asks: { messages: 'hi' }, refuses: 'messages' },
  { name: 'a message that is no object', asks: { messages: ['hi'] }, refuses: 'messages[0]' },
  { name: 'a role of nobody', asks: { messages: [{ role: 'critic', content: 'x' }] }, refuses: 'messages[0].role' },
  { name: 'a user without content', asks: { messages: [{ role: 'user' }] }, refuses: 'messages[0].content' },
  { name: 'a content that is a number', asks: { messages: [{ role: 'user', content: 7 }] }, refuses: 'messages[0].content' },
  { name: 'a name of a participant', asks: { messages: [{ ...hi, name: 'Ada' }] }, refuses: 'messages[0].name', becomes: {} },
  { name: 'a field of a message that nobody knows', asks: { messages: [{ ...hi, mood: 1 }] }, refuses: 'messages[0].mood', becomes: {} },
  {
    name: 'a refusal that came before is what the assistant said',
    asks: { messages: [hi, { role: 'assistant', content: null, refusal: 'no' }, hi] },
    becomes: {
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: 'no' },
        { role: 'user', content: 'hi' },
      ],
    },
  },
  {
    name: "parts of an assistant's message",
    asks: {
      messages: [
        hi,
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'a' },
            { type: 'refusal', refusal: 'b' },
          ],
        },
      ],
    },
    becomes: {
      messages: [
        { role: 'user', content: 'hi' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
      ],
    },
  },
  {
    name: 'what an assistant has spoken',
    asks: { messages: [hi, { role: 'assistant', audio: { id: 'a' }, content: 'x' }] },
    refuses: 'messages[1].audio',
    becomes: {
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: 'x' },
      ],
    },
  },
  {
    name: 'a message of a reply comes back as clients keep it',
    asks: {
      messages: [hi, { role: 'assistant', content: 'x', refusal: null, audio: null, annotations: [], parsed: null, function_call: null }],
    },
    becomes: {
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: 'x' },
      ],
    },
  },
]

const partCases: readonly RequestCase[] = [
  {
    name: 'an image as a data: URL',
    asks: said({ type: 'text', text: 'what?' }, { type: 'image_url', image_url: { url: png } }),
    becomes: said(
      { type: 'text', text: 'what?' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
    ),
  },
  {
    name: 'an image by its address, in full detail',
    asks: said({ type: 'image_url', image_url: { url: 'https://x/y.png', detail: 'high' } }),
    becomes: said({ type: 'image', source: { type: 'url', url: 'https://x/y.png' } }),
  },
  {
    name: 'the other name of JPEG',
    asks: said({ type: 'image_url', image_url: { url: 'data:image/jpg;base64,AA==' } }),
    becomes: said({ type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'AA==' } }),
  },
  {
    name: 'an image in low detail',
    asks: said({ type: 'image_url', image_url: { url: 'https://x/', detail: 'low' } }),
    refuses: 'messages[0].content[0].image_url.detail',
    becomes: said({ type: 'image', source: { type: 'url', url: 'https://x/' } }),
  },
  {
    name: 'an image in the clear',
    asks: said({ type: 'text', text: 'hi' }, { type: 'image_url', image_url: { url: 'http://x/' } }),
    refuses: 'messages[0].content[1].image_url.url',
    becomes: {},
  },
  {
    name: 'an image that Claude does not read',
    asks: said({ type: 'text', text: 'hi' }, { type: 'image_url', image_url: { url: 'data:image/bmp;base64,AA==' } }),
    refuses: 'messages[0].content[1].image_url.url',
    becomes: {},
  },
  {
    name: 'a data: URL without base64',
    asks: said({ type: 'image_url', image_url: { url: 'data:image/png,AA' } }),
    refuses: 'messages[0].content[0].image_url.url',
  },
  {
    name: 'an image without an address',
    asks: said({ type: 'image_url', image_url: {} }),
    refuses: 'messages[0].content[0].image_url.url',
  },
  { name: 'an image that is a string', asks: said({ type: 'image_url', image_url: png }), refuses: 'messages[0].content[0].image_url' },
  {
    name: 'a PDF',
    asks: said({ type: 'file', file: { file_data: pdf, filename: 'a.pdf' } }),
    becomes: said({ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' }, title: 'a.pdf' }),
  },
  {
    name: 'a text file',
    asks: said({ type: 'file', file: { file_data: `data:text/plain;charset=utf-8;base64,${Buffer.from('grüß').toString('base64')}` } }),
    becomes: said({ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'grüß' } }),
  },
  {
    name: 'a file of another kind',
    asks: said({ type: 'text', text: 'hi' }, { type: 'file', file: { file_data: 'data:application/zip;base64,AA==' } }),
    refuses: 'messages[0].content[1].file.file_data',
    becomes: {},
  },
  {
    name: 'a file that lies at OpenAI',
    asks: said({ type: 'text', text: 'hi' }, { type: 'file', file: { file_id: 'file-1' } }),
    refuses: 'messages[0].content[1].file.file_id',
    becomes: {},
  },
  {
    name: 'spoken input',
    asks: said({ type: 'text', text: 'hi' }, { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } }),
    refuses: 'messages[0].content[1].type',
    becomes: {},
  },
  {
    name: 'a mark for a cache',
    asks: said({ type: 'text', text: 'hi', prompt_cache_breakpoint: { mode: 'explicit' } }),
    refuses: 'messages[0].content[0].prompt_cache_breakpoint',
    becomes: {},
  },
  {
    name: 'an image among instructions',
    asks: { messages: [{ role: 'system', content: [{ type: 'image_url', image_url: { url: png } }] }, hi] },
    refuses: 'messages[0].content[0].type',
    becomes: {},
  },
  { name: 'a part without a type', asks: said({ text: 'x' }), refuses: 'messages[0].content[0].type' },
  { name: 'a text without text', asks: said({ type: 'text' }), refuses: 'messages[0].content[0].text' },
]

const toolCases: readonly RequestCase[] = [
  { name: 'tools', asks: { tools: both }, becomes: { tools: [weatherTool, timeTool] } },
  {
    name: 'a strict tool',
    asks: { tools: [{ type: 'function', function: { ...time, strict: true } }] },
    becomes: { tools: [{ ...timeTool, strict: true }] },
  },
  {
    name: 'a tool whose parameters have no type',
    asks: { tools: [{ type: 'function', function: { ...time, parameters: { properties: {} } } }] },
    becomes: { tools: [timeTool] },
  },
  { name: 'no tools in a list', asks: { tools: [], tool_choice: 'auto', parallel_tool_calls: false }, becomes: {} },
  {
    name: 'a tool that is not to be used',
    asks: { tools: both, tool_choice: 'none' },
    becomes: { tools: [weatherTool, timeTool], tool_choice: { type: 'none' } },
  },
  {
    name: 'tools as they come',
    asks: { tools: both, tool_choice: 'auto' },
    becomes: { tools: [weatherTool, timeTool], tool_choice: { type: 'auto' } },
  },
  {
    name: 'any tool',
    asks: { tools: both, tool_choice: 'required' },
    becomes: { tools: [weatherTool, timeTool], tool_choice: { type: 'any' } },
  },
  {
    name: 'this tool',
    asks: { tools: both, tool_choice: { type: 'function', function: { name: 'get_time' } } },
    becomes: { tools: [weatherTool, timeTool], tool_choice: { type: 'tool', name: 'get_time' } },
  },
  {
    name: 'one tool at a time',
    asks: { tools: both, parallel_tool_calls: false },
    becomes: { tools: [weatherTool, timeTool], tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
  },
  {
    name: 'any tool, one at a time',
    asks: { tools: both, tool_choice: 'required', parallel_tool_calls: false },
    becomes: { tools: [weatherTool, timeTool], tool_choice: { type: 'any', disable_parallel_tool_use: true } },
  },
  {
    name: 'no tool, one at a time',
    asks: { tools: both, tool_choice: 'none', parallel_tool_calls: false },
    becomes: { tools: [weatherTool, timeTool], tool_choice: { type: 'none' } },
  },
  {
    name: 'some of the tools',
    asks: {
      tools: both,
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'get_time' } }] },
      },
    },
    becomes: { tools: [timeTool], tool_choice: { type: 'any' } },
  },
  {
    name: 'a tool that is not there',
    asks: { tools: both, tool_choice: { type: 'function', function: { name: 'x' } } },
    refuses: 'tool_choice',
  },
  { name: 'a choice of nothing', asks: { tool_choice: 'required' }, refuses: 'tool_choice' },
  { name: 'a choice of nobody', asks: { tools: both, tool_choice: 'maybe' }, refuses: 'tool_choice' },
  {
    name: 'a tool of free text',
    asks: { tools: [{ type: 'custom', custom: { name: 'x' } }, both[1]] },
    refuses: 'tools[0].type',
    becomes: { tools: [timeTool] },
  },
  {
    name: 'a choice of free text',
    asks: { tools: both, tool_choice: { type: 'custom', custom: { name: 'x' } } },
    refuses: 'tool_choice.type',
    becomes: { tools: [weatherTool, timeTool] },
  },
  { name: 'a tool without a name', asks: { tools: [{ type: 'function', function: {} }] }, refuses: 'tools[0].function.name' },
  {
    name: 'a field of a tool that nobody knows',
    asks: { tools: [{ type: 'function', function: { ...time, price: 1 } }] },
    refuses: 'tools[0].function.price',
    becomes: { tools: [timeTool] },
  },
  {
    name: 'calls of tools at once, and their results, in order',
    asks: {
      messages: [
        hi,
        {
          role: 'assistant',
          content: 'so',
          tool_calls: [call('call_1', 'get_weather', '{"place":"Rome"}'), call('call_2', 'get_time', '')],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'sun' },
        { role: 'tool', tool_call_id: 'call_2', content: [{ type: 'text', text: 'noon' }] },
        { role: 'user', content: 'and?' },
      ],
    },
    becomes: {
      messages: [
        { role: 'user', content: 'hi' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'so' },
            { type: 'tool_use', id: 'call_1', name: 'get_weather', input: { place: 'Rome' } },
            { type: 'tool_use', id: 'call_2', name: 'get_time', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'call_1', content: 'sun' },
            { type: 'tool_result', tool_use_id: 'call_2', content: 'noon' },
            { type: 'text', text: 'and?' },
          ],
        },
      ],
    },
  },
  {
    name: 'a tool that says nothing, and one that shows',
    asks: {
      messages: [
        hi,
        { role: 'assistant', content: null, tool_calls: [call('a', 'f', '{}'), call('b', 'f', '{}')] },
        { role: 'tool', tool_call_id: 'a', content: '' },
        { role: 'tool', tool_call_id: 'b', content: [{ type: 'image_url', image_url: { url: 'https://x/' } }] },
      ],
    },
    becomes: {
      messages: [
        { role: 'user', content: 'hi' },
        {
          role: 'assistant',
          content: [
            { type: 'tool_use', id: 'a', name: 'f', input: {} },
            { type: 'tool_use', id: 'b', name: 'f', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'a' },
            { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'image', source: { type: 'url', url: 'https://x/' } }] },
          ],
        },
      ],
    },
  },
  {
    name: 'a result of nothing',
    asks: { messages: [hi, { role: 'tool', content: 'x' }] },
    refuses: 'messages[1].tool_call_id',
  },
  {
    name: 'arguments that are no JSON',
    asks: { messages: [hi, { role: 'assistant', tool_calls: [call('a', 'f', '{"x":')] }] },
    refuses: 'messages[1].tool_calls[0].function.arguments',
  },
  {
    name: 'arguments that are no object',
    asks: { messages: [hi, { role: 'assistant', tool_calls: [call('a', 'f', '[1]')] }] },
    refuses: 'messages[1].tool_calls[0].function.arguments',
  },
  {
    name: 'a call of free text',
    asks: { messages: [hi, { role: 'assistant', tool_calls: [{ id: 'a', type: 'custom', custom: { name: 'f', input: 'go' } }] }] },
    refuses: 'messages[1].tool_calls[0].type',
    becomes: {
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: { input: 'go' } }] },
      ],
    },
  },
  {
    name: 'functions, as they were before tools',
    asks: { functions: [weather, time], function_call: 'auto' },
    becomes: { tools: [weatherTool, timeTool], tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
  },
  {
    name: 'this function',
    asks: { functions: [weather, time], function_call: { name: 'get_time' } },
    becomes: { tools: [weatherTool, timeTool], tool_choice: { type: 'tool', name: 'get_time', disable_parallel_tool_use: true } },
  },
  {
    name: 'calls of functions, and their results',
    asks: {
      messages: [
        hi,
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{"x":1}' } },
        { role: 'function', name: 'f', content: 'one' },
      ],
    },
    becomes: {
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1', name: 'f', input: { x: 1 } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content: 'one' }] },
      ],
    },
  },
  { name: 'a result of no call', asks: { messages: [hi, { role: 'function', name: 'f', content: 'x' }] }, refuses: 'messages[1].name' },
  { name: 'functions and tools', asks: { functions: [time], tools: both }, refuses: 'functions' },
]

const fieldCases: readonly RequestCase[] = [
  { name: 'how long an answer may be, as it was said before', asks: { max_tokens: 7 }, becomes: { max_tokens: 7 } },
  { name: 'how long an answer may be', asks: { max_completion_tokens: 7, max_tokens: null }, becomes: { max_tokens: 7 } },
  { name: 'two lengths', asks: { max_completion_tokens: 7, max_tokens: 8 }, refuses: 'max_tokens' },
  { name: 'a length of nothing', asks: { max_tokens: 0 }, refuses: 'max_tokens' },
  { name: 'a length that is no whole number', asks: { max_completion_tokens: 1.5 }, refuses: 'max_completion_tokens' },
  { name: 'a length beyond all numbers', asks: { max_tokens: 1e300 }, refuses: 'max_tokens' },
  {
    name: 'a temperature that an older model takes',
    asks: { model: 'claude-sonnet-4-6', temperature: 0.2 },
    becomes: { model: 'claude-sonnet-4-6', temperature: 0.2 },
  },
  { name: 'a temperature to a model that has none', asks: { temperature: 0.2 }, refuses: 'temperature', becomes: {} },
  {
    name: 'top_p to a model that has none',
    asks: { model: 'claude-opus-4-7', top_p: 0.5 },
    refuses: 'top_p',
    becomes: { model: 'claude-opus-4-7' },
  },
  {
    name: 'a temperature in a version that takes none',
    asks: { model: 'claude-haiku-4-5', temperature: 0 },
    options: { version: '2026-10-21' },
    refuses: 'temperature',
    becomes: { model: 'claude-haiku-4-5' },
  },
  {
    name: 'a temperature to a model of an older form of name',
    asks: { model: 'claude-3-5-haiku-20241022', temperature: 0 },
    becomes: { model: 'claude-3-5-haiku-20241022', temperature: 0 },
  },
  {
    name: 'a temperature to a model that nobody here knows',
    asks: { model: 'mine', temperature: 0.5, top_p: 0.9 },
    becomes: { model: 'mine', temperature: 0.5, top_p: 0.9 },
  },
  { name: 'the default temperature', asks: { temperature: 1, top_p: 1 }, becomes: {} },
  {
    name: 'a temperature above what Claude takes',
    asks: { model: 'claude-sonnet-4-6', temperature: 1.5 },
    refuses: 'temperature',
    becomes: { model: 'claude-sonnet-4-6' },
  },
  { name: 'a temperature above all', asks: { temperature: 3 }, refuses: 'temperature' },
  { name: 'a temperature in words', asks: { temperature: 'hot' }, refuses: 'temperature' },
  { name: 'top_p beyond all', asks: { top_p: 2 }, refuses: 'top_p' },
  { name: 'where to stop', asks: { stop: 'END' }, becomes: { stop_sequences: ['END'] } },
  { name: 'places to stop at', asks: { stop: ['a', 'b'] }, becomes: { stop_sequences: ['a', 'b'] } },
  { name: 'no place to stop at', asks: { stop: null }, becomes: {} },
  { name: 'a stop at white space', asks: { stop: ['\n', 'a'] }, refuses: 'stop', becomes: { stop_sequences: ['a'] } },
  { name: 'a stop at a number', asks: { stop: [1] }, refuses: 'stop[0]' },
  {
    name: 'a stream',
    asks: { stream: true, stream_options: { include_usage: true, include_obfuscation: false } },
    becomes: { stream: true },
  },
  { name: 'no stream', asks: { stream: null, stream_options: null }, becomes: {} },
  { name: 'a stream in words', asks: { stream: 'yes' }, refuses: 'stream' },
  { name: 'options of no stream', asks: { stream_options: { include_usage: true } }, refuses: 'stream_options' },
  {
    name: 'an option of streams that nobody knows',
    asks: { stream: true, stream_options: { pace: 1 } },
    refuses: 'stream_options.pace',
    becomes: { stream: true },
  },
  { name: 'who the user is', asks: { user: 'u1' }, becomes: { metadata: { user_id: 'u1' } } },
  { name: 'who the user is, in the newer way', asks: { user: 'u1', safety_identifier: 's1' }, becomes: { metadata: { user_id: 's1' } } },
  { name: 'an effort', asks: { reasoning_effort: 'high' }, becomes: { output_config: { effort: 'high' } } },
  { name: 'no thinking', asks: { reasoning_effort: 'none' }, becomes: { thinking: { type: 'disabled' } } },
  {
    name: 'hardly any thinking',
    asks: { reasoning_effort: 'minimal' },
    refuses: 'reasoning_effort',
    becomes: { output_config: { effort: 'low' } },
  },
  { name: 'an effort that nobody knows', asks: { reasoning_effort: 'heroic' }, refuses: 'reasoning_effort' },
  { name: 'plain text', asks: { response_format: { type: 'text' } }, becomes: {} },
  {
    name: 'a schema',
    asks: {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'n', strict: true, schema: { $schema: 'http://json-schema.org/draft-07/schema#', ...schema } },
      },
    },
    becomes: { output_config: { format: { type: 'json_schema', schema } } },
  },
  {
    name: 'a schema that is described, and an effort',
    asks: {
      reasoning_effort: 'low',
      response_format: { type: 'json_schema', json_schema: { name: 'n', description: 'a number', schema } },
    },
    becomes: { output_config: { format: { type: 'json_schema', schema: { description: 'a number', ...schema } }, effort: 'low' } },
  },
  { name: 'JSON of any shape', asks: { response_format: { type: 'json_object' } }, refuses: 'response_format', becomes: {} },
  { name: 'a format that nobody knows', asks: { response_format: { type: 'xml' } }, refuses: 'response_format.type' },
  {
    name: 'a schema of nothing',
    asks: { response_format: { type: 'json_schema', json_schema: { name: 'n' } } },
    refuses: 'response_format.json_schema.schema',
  },
  { name: 'a tier that both have', asks: { service_tier: 'auto' }, becomes: { service_tier: 'auto' } },
  { name: 'the default tier', asks: { service_tier: 'default' }, becomes: { service_tier: 'standard_only' } },
  { name: 'a tier of OpenAI alone', asks: { service_tier: 'flex' }, refuses: 'service_tier', becomes: {} },
  {
    name: 'what asks for nothing',
    asks: {
      n: 1,
      store: false,
      logprobs: false,
      top_logprobs: 0,
      logit_bias: {},
      metadata: {},
      presence_penalty: 0,
      frequency_penalty: 0,
      modalities: ['text'],
      verbosity: 'medium',
      seed: null,
      audio: null,
      prediction: null,
    },
    becomes: {},
  },
  {
    name: 'a model by a name of its own',
    asks: { model: 'gpt-4o' },
    options: { models: { 'gpt-*': 'claude-haiku-5-5', 'gpt-4o': 'claude-opus-5-5' } },
    becomes: { model: 'claude-opus-5-5' },
  },
  {
    name: 'a model by a pattern',
    asks: { model: 'gpt-4.1-mini' },
    options: { models: { '*-mini': 'claude-haiku-5-5', 'gpt-*': 'claude-opus-5-5' } },
    becomes: { model: 'claude-haiku-5-5' },
  },
  {
    name: 'a model that has no other name',
    asks: { model: 'claude-x' },
    options: { models: { 'gpt-*': 'claude-opus-5-5' } },
    becomes: { model: 'claude-x' },
  },
  { name: 'no model', asks: { model: undefined }, refuses: 'model' },
  { name: 'a model without a name', asks: { model: '' }, refuses: 'model' },
  { name: 'a field that nobody knows', asks: { top_k: 5 }, refuses: 'top_k', becomes: {} },
  { name: 'a field from the depths of JavaScript', asks: { constructor: 5 }, refuses: 'constructor', becomes: {} },
]

const lost: readonly (readonly [string, unknown])[] = [
  ['audio', { voice: 'alloy', format: 'wav' }],
  ['frequency_penalty', 0.5],
  ['logit_bias', { 50256: -100 }],
  ['logprobs', true],
  ['metadata', { a: 'b' }],
  ['modalities', ['text', 'audio']],
  ['moderation', { model: 'm' }],
  ['n', 2],
  ['prediction', { type: 'content', content: 'x' }],
  ['presence_penalty', -1],
  ['prompt_cache_key', 'k'],
  ['prompt_cache_options', { mode: 'explicit' }],
  ['prompt_cache_retention', '24h'],
  ['seed', 7],
  ['store', true],
  ['top_logprobs', 3],
  ['verbosity', 'low'],
  ['web_search_options', {}],
]

/** Every case of the table. */
export const requestCases: readonly RequestCase[] = [
  ...messageCases,
  ...partCases,
  ...toolCases,
  ...fieldCases,
  ...lost.map(([name, value]) => ({
    name: `${name}, for which there is no counterpart`,
    asks: { [name]: value },
    refuses: name,
    becomes: {},
  })),
]
