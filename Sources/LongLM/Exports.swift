// Who embeds the engine needs one import: checkpoints and tokenizers are part of its interface.
@_exported import Safetensors
@_exported import Tokenization
