"""Build the int8 ONNX sentence encoder from the original all-MiniLM-L6-v2 weights.

The BERT graph is written out by hand, so neither torch nor transformers is needed.
Extra dependencies (not needed at run time): ``pip install -e .[export]``, which
brings onnx and safetensors; numpy, onnxruntime and tokenizers are used as well.

    python scripts/export_encoder.py --weights model.safetensors \
        --tokenizer tokenizer.json --late assistant/models/late.npz --out assistant/models

The output is a function of the weights and of the onnx and onnxruntime versions: the
same versions give the same bytes (see assistant/models/README.md for those used).

The graph takes ``input_ids`` and ``attention_mask``, both int64 (batch, length) with
length at most 512, and returns ``embedding``, float32 (batch, 384), of unit length, and
``pieces``, float32 (batch, length, 64), the last layer's states, projected by the matrix that
scripts/fit_late.py fits, each of unit length.
Token type ids are always zero for this model, so their embedding is folded into the
position table.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, save_model
from safetensors.numpy import load_file

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MODEL_FILE = "minilm-int8.onnx"
TOKENIZER_FILE = "tokenizer.json"

HIDDEN = 384
HEADS = 12
LAYERS = 6
LAYER_NORM_EPS = 1e-12
OPSET = 20
IR_VERSION = 9
ORT_DOMAIN = "com.microsoft"

Array = npt.NDArray[np.generic]


class EncoderGraph:
    """Collects the nodes and constants of the encoder, part by part.

    Every method adds one piece of the network and returns the name of its output.
    """

    def __init__(self, weights: dict[str, Array], projection: Array) -> None:
        """Start an empty graph over the given weights."""
        self.weights = weights
        self.projection = projection
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: Array) -> str:
        """Store a tensor under a name."""
        contiguous = np.array(value, order="C")
        self.constants.append(numpy_helper.from_array(contiguous, name))
        return name

    def node(
        self,
        kind: str,
        inputs: list[str],
        output: str,
        domain: str = "",
        **attributes: int | float,
    ) -> str:
        """Add one operator with a single output."""
        made = helper.make_node(kind, inputs, [output], name=f"{output}/{kind}", domain=domain)
        made.attribute.extend(
            helper.make_attribute(name, value) for name, value in sorted(attributes.items())
        )
        self.nodes.append(made)
        return output

    def linear(self, source: str, key: str, output: str) -> str:
        """Add a dense layer; the two nodes are fused once quantised."""
        weight = self.constant(f"{output}/weight", self.weights[f"{key}.weight"].T)
        bias = self.constant(f"{output}/bias", self.weights[f"{key}.bias"])
        product = self.node("MatMul", [source, weight], f"{output}/product")
        return self.node("Add", [product, bias], output)

    def layer_norm(self, source: str, key: str, output: str) -> str:
        """Add a layer normalisation over the hidden axis."""
        scale = self.constant(f"{output}/scale", self.weights[f"{key}.weight"])
        bias = self.constant(f"{output}/bias", self.weights[f"{key}.bias"])
        return self.node(
            "LayerNormalization", [source, scale, bias], output, axis=-1, epsilon=LAYER_NORM_EPS
        )

    def residual_norm(self, update: str, source: str, key: str, output: str) -> str:
        """Add a residual connection and its layer normalisation.

        ``Sum`` rather than ``Add`` keeps onnxruntime from fusing the pair into
        SkipLayerNormalization, whose CPU kernel is markedly slower than the two apart.
        """
        total = self.node("Sum", [update, source], f"{output}/residual")
        return self.layer_norm(total, key, output)

    def embeddings(self) -> str:
        """Add the word, position and (constant) token type embeddings."""
        words = self.constant("words", self.weights["embeddings.word_embeddings.weight"])
        table = (
            self.weights["embeddings.position_embeddings.weight"]
            + self.weights["embeddings.token_type_embeddings.weight"][0]
        )
        positions = self.constant("positions", table)
        zero = self.constant("axis0", np.array([0], np.int64))
        length = self.node("Shape", ["input_ids"], "length_of_batch", start=1, end=2)
        word = self.node("Gather", [words, "input_ids"], "word_embedding")
        place = self.node("Slice", [positions, zero, length, zero], "position_embedding")
        both = self.node("Add", [word, place], "embedding_sum")
        return self.layer_norm(both, "embeddings.LayerNorm", "embedded")

    def attention(self, source: str, mask: str, key: str, output: str) -> str:
        """Add multi-head self-attention as onnxruntime's one fused operator."""
        parts = [f"{key}.self.{name}" for name in ("query", "key", "value")]
        weight = np.concatenate([self.weights[f"{part}.weight"].T for part in parts], axis=1)
        bias = np.concatenate([self.weights[f"{part}.bias"] for part in parts])
        inputs = [
            source,
            self.constant(f"{output}/weight", weight),
            self.constant(f"{output}/bias", bias),
            mask,
        ]
        return self.node("Attention", inputs, output, ORT_DOMAIN, num_heads=HEADS)

    def layer(self, source: str, mask: str, index: int) -> str:
        """Add one transformer layer."""
        key = f"encoder.layer.{index}"
        here = f"layer{index}"
        context = self.attention(source, mask, f"{key}.attention", f"{here}/attention")
        mixed = self.linear(context, f"{key}.attention.output.dense", f"{here}/mix")
        attended = self.residual_norm(
            mixed, source, f"{key}.attention.output.LayerNorm", f"{here}/attended"
        )
        wide = self.linear(attended, f"{key}.intermediate.dense", f"{here}/wide")
        active = self.node("Gelu", [wide], f"{here}/gelu")
        narrow = self.linear(active, f"{key}.output.dense", f"{here}/narrow")
        return self.residual_norm(narrow, attended, f"{key}.output.LayerNorm", f"{here}/output")

    def pool(self, hidden: str) -> str:
        """Add mean pooling over the unmasked pieces, then scale to unit length."""
        axis = self.constant("axis1", np.array([1], np.int64))
        least = self.constant("least_count", np.array(1e-9, np.float32))
        mask = self.node("Cast", ["attention_mask"], "mask_float", to=TensorProto.FLOAT)
        row = self.node("Unsqueeze", [mask, axis], "mask_row")
        total = self.node("Squeeze", [self.node("MatMul", [row, hidden], "sums"), axis], "sum")
        count = self.node("ReduceSum", [mask, axis], "count", keepdims=1)
        divisor = self.node("Max", [count, least], "divisor")
        mean = self.node("Div", [total, divisor], "mean")
        return self.node("LpNormalization", [mean], "embedding", axis=-1, p=2)

    def project(self, hidden: str) -> str:
        """Add the states of single pieces in fewer dimensions, for late interaction."""
        matrix = self.constant("projection", self.projection)
        low = self.node("MatMul", [hidden, matrix], "projected")
        return self.node("LpNormalization", [low], "pieces", axis=-1, p=2)

    def model(self) -> ModelProto:
        """Assemble the whole encoder as a float32 model."""
        hidden = self.embeddings()
        mask = self.node("Cast", ["attention_mask"], "mask_int", to=TensorProto.INT32)
        for index in range(LAYERS):
            hidden = self.layer(hidden, mask, index)
        result, pieces = self.pool(hidden), self.project(hidden)
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in ("input_ids", "attention_mask")
        ]
        width = self.projection.shape[1]
        outputs = [
            helper.make_tensor_value_info(result, TensorProto.FLOAT, ["batch", HIDDEN]),
            helper.make_tensor_value_info(pieces, TensorProto.FLOAT, ["batch", "length", width]),
        ]
        graph = helper.make_graph(self.nodes, "all-MiniLM-L6-v2", inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ORT_DOMAIN, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def quantise(model: ModelProto, path: Path) -> None:
    """Write the model with int8 weights, one scale per output column.

    No pre-processing pass is run: the graph has nothing to fold, and symbolic shape
    inference does not know the Attention operator.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        model,
        path,
        weight_type=QuantType.QInt8,
        per_channel=True,
        # The projection is small and its products are compared as they are: kept in float32.
        nodes_to_exclude=["projected/MatMul"],
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
    )


def write_tokenizer(source: Path, path: Path) -> None:
    """Write the tokenizer without the fixed truncation and padding it was saved with."""
    from tokenizers import Tokenizer

    settings = json.loads(source.read_text(encoding="utf-8"))
    settings["truncation"] = None
    settings["padding"] = None
    Tokenizer.from_str(json.dumps(settings)).save(str(path), pretty=False)


def file_sha256(path: Path) -> str:
    """Return the hex sha256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Build the int8 ONNX sentence encoder.")
    parser.add_argument("--weights", type=Path, required=True, help="model.safetensors")
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json")
    parser.add_argument("--late", type=Path, required=True, help="late.npz of fit_late.py")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--float-model", type=Path, help="also write the float32 model here")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Build both files and print their sizes and sha256 sums."""
    options = parse_args(arguments)
    found = file_sha256(options.weights)
    if found != WEIGHTS_SHA256:
        print(f"wrong weights: sha256 {found}, expected {WEIGHTS_SHA256}", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    with np.load(options.late) as late:
        model = EncoderGraph(load_file(options.weights), late["projection"]).model()
    if options.float_model:
        save_model(model, options.float_model)
    quantise(model, options.out / MODEL_FILE)
    write_tokenizer(options.tokenizer, options.out / TOKENIZER_FILE)
    for name in (MODEL_FILE, TOKENIZER_FILE):
        path = options.out / name
        print(f"{file_sha256(path)}  {path.stat().st_size:>9}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
