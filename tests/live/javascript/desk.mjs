// The same small application as apps/desk.py, in JavaScript under OpenInference.
import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import OpenAI from "openai";

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "live-javascript" }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();
const instrumentation = new OpenAIInstrumentation();
instrumentation.setTracerProvider(provider);
instrumentation.manuallyInstrument(OpenAI);

const client = new OpenAI({ maxRetries: 0 });
const ask = (question, more = {}) =>
  client.chat.completions.create({
    model: "gpt-4o-mini",
    messages: [
      { role: "system", content: "You are the desk clerk of Fogpoint Harbour. Be brief." },
      { role: "user", content: question },
    ],
    ...more,
  });
const parameters = { type: "object", properties: { city: { type: "string" } } };

await ask("Hello, I am Mara Quill (mara.quill@example.org). When is the lamp lit?");
const stream = await ask("Bonjour, quand le phare est-il allumé ?", {
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) void chunk;
await ask("What is the weather in Halifax?", {
  tools: [{ type: "function", function: { name: "get_weather", parameters } }],
});
await provider.forceFlush();
await provider.shutdown();
