import type { Preset } from '../core/preset.ts';
import { anthropic } from './anthropic.ts';
import { azureOpenai } from './azure-openai.ts';
import { cohere } from './cohere.ts';
import { gemini } from './gemini.ts';
import { generic } from './generic.ts';
import { mistral } from './mistral.ts';
import { ollama } from './ollama.ts';
import { openai } from './openai.ts';

/** Every API we know, by id. A new one is its file and its line here. */
export const presets: ReadonlyMap<string, Preset> = new Map(
  [openai, azureOpenai, anthropic, mistral, gemini, cohere, ollama, generic].map((preset) => [preset.id, preset]),
);
