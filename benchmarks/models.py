"""Models of torchvision and timm through robustsplit.network: what holds, what it costs.

``python benchmarks/models.py`` writes benchmarks/results/models.json, from which
``python benchmarks/tables.py models`` makes the table of docs/models.md. ``--quick`` takes three
small models. Models of timm are left out where it is not installed. Each model has a process of
its own. For each it is found

- how many layers are listed, how many follow from the one before, and how many modules or weights
  are named in a warning instead;
- whether `collect` gives, before and after the activation function, to the bit what hooks written
  here give;
- for cuts spread over the depth, whether `Split.clean` agrees with an exchange of the tensor at
  the cut by hand;
- whether f_a is the same to the bit after two steps of SGD with momentum and weight decay in train
  mode, and f_b is not;
- the time of listing and of collecting as a ratio to a plain pass, beside that of own hooks that
  copy; the least of some repetitions;
- the most memory beyond that before: of a plain pass, of listing, of collecting, of own hooks.

Weights are random (He's initialisation; running statistics by three passes in train mode).
"""

import argparse
import copy
import ctypes
import importlib.util
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import torch
from machine import environment
from torch import nn

from robustsplit.network import Split, collect, list_layers, weight_layers
from robustsplit.network.layers import Network
from robustsplit.network.trace import trace

TORCHVISION = {
    **dict.fromkeys(("alexnet", "squeezenet1_1", "resnet18", "resnet50", "densenet121"), 96),
    **dict.fromkeys(("googlenet", "shufflenet_v2_x0_5", "mobilenet_v2", "mnasnet0_5"), 96),
    **dict.fromkeys(("mobilenet_v3_small", "efficientnet_b0", "regnet_y_400mf"), 96),
    **dict.fromkeys(("convnext_tiny", "swin_t", "swin_v2_t", "regnet_x_400mf"), 96),
    **dict.fromkeys(("vgg11", "vgg16_bn", "resnext50_32x4d", "wide_resnet50_2"), 64),
    **{"inception_v3": 128, "efficientnet_v2_s": 96, "vit_b_32": 224},
}
TIMM = {
    **dict.fromkeys(("resnetv2_50", "poolformer_s12", "nf_regnet_b0", "repvgg_a0"), 96),
    **dict.fromkeys(("ghostnet_100", "convmixer_768_32", "dm_nfnet_f0"), 96),
    **dict.fromkeys(("vit_tiny_patch16_224", "deit3_small_patch16_224", "levit_128s"), 224),
    **dict.fromkeys(("mixer_s32_224", "gmlp_s16_224", "resmlp_12_224", "cait_xxs24_224"), 224),
    **dict.fromkeys(("xcit_nano_12_p16_224", "eva02_tiny_patch14_224"), 224),
    **{"coatnet_nano_rw_224": 224, "crossvit_tiny_240": 240},
}
QUICK = ("squeezenet1_1", "resnet18", "shufflenet_v2_x0_5")
RESULTS = Path(__file__).with_name("results") / "models.json"
BATCH = 16


def main(arguments=None):
    """Measure the models asked for, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="three small models, fewer cuts")
    parser.add_argument("--models", nargs="*", default=[], help="these; others' rows are kept")
    parser.add_argument("--out", type=Path, default=RESULTS, help="JSON file")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    cuts, repeats = (3, 1) if options.quick else (4, 2)
    if options.one:
        json.dump(measured(options.one, cuts, repeats), sys.stdout)
        return
    available = TORCHVISION | (TIMM if importlib.util.find_spec("timm") else {})
    rows = []
    if options.models and options.out.is_file():
        rows = json.loads(options.out.read_text())["rows"]
    rows = [row for row in rows if row["model"] not in options.models]
    record = {"batch": BATCH, "environment": environment(["torch", "torchvision", "timm"])}
    for name in options.models or (QUICK if options.quick else available):
        command = [sys.executable, __file__, "--one", name, *["--quick"] * options.quick]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            rows.append({"model": name, "error": done.stderr.strip().splitlines()[-1]})
        else:
            rows.append(json.loads(done.stdout.splitlines()[-1]))
        sys.stderr.write(f"{rows[-1]}\n")
        options.out.write_text(json.dumps({**record, "rows": rows}, indent=1) + "\n")


def measured(name, cuts, repeats):
    """Return one row of the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    size = (TORCHVISION | TIMM)[name]
    model = build(name)
    images, others = torch.rand(BATCH, 3, size, size), torch.rand(BATCH, 3, size, size)
    prepare(model, images)
    row = {"model": name, "source": "timm" if name in TIMM else "torchvision", "size": size}
    warnings.simplefilter("ignore")
    layers = weight_layers(model, images)
    owners = Network(trace(model, images)).owners
    idle = {entry.name for entry in owners.idle}
    row |= {
        "layers": len(layers),
        "connected": sum(layer.connected for layer in layers),
        "named": len(owners.uncalled) + len(idle) + len(owners.loose),
    }
    row |= costs(model, images, layers, repeats)
    for point in ("pre", "post"):
        try:
            found = collect(model, images, point=point, batch_size=BATCH)
        except ValueError as error:
            row[point] = str(error)
            continue
        expected = by_hand(model, images, found.sources)
        row[point] = all(torch.equal(found[key], expected[key]) for key in found)
    row |= cut_verdicts(model, images[:4], others[:4], layers, cuts)
    row["frozen"] = is_frozen(model, images[:4], layers)
    copy.deepcopy(model)
    return row


def build(name):
    """Return a model with ten classes and random weights."""
    if name in TIMM:
        import timm

        return timm.create_model(name, num_classes=10)
    import torchvision

    settings = {"googlenet": {"aux_logits": False}, "inception_v3": {"aux_logits": False}}
    extra = {"init_weights": False, **settings[name]} if name in settings else {}
    return torchvision.models.get_model(name, weights=None, num_classes=10, **extra)


def prepare(model, images):
    """Give a model weights and running statistics with which its output varies."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand_like(images))
    model.eval()


def by_hand(model, images, sources):
    """Return what hooks written here see: the first output, or an input of another layer."""
    modules, found, stack = dict(model.named_modules()), {}, []

    def at(key):
        name, _, number = key.partition(":")
        return modules[name], int(number or 1)

    def hook(key, kind, place, index):
        module, number = at(place)
        count = [0]

        def see(module, args, kwargs_or_output, output=None):
            count[0] += 1
            if count[0] == number:
                given = (args, kwargs_or_output) if kind == "input" else kwargs_or_output
                found[key] = tensors(given)[index].detach().flatten(1).clone()

        if kind == "input":
            stack.append(module.register_forward_pre_hook(see, with_kwargs=True))
        else:
            stack.append(module.register_forward_hook(see))

    for key, source in sources.items():
        if source == "output":
            hook(key, "output", key, 0)
        else:
            number, place = source.removeprefix("input ").split("of ")
            hook(key, "input", place, int(number or 1) - 1)
    with torch.no_grad():
        model(images.clone())
    for handle in stack:
        handle.remove()
    return found


def tensors(value):
    """Return the tensors of nested tuples, lists and dictionaries."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in tensors(item)]
    return []


def cut_verdicts(model, images, others, layers, cuts):
    """Compare `clean` with an exchange by hand, for cuts spread over the depth."""
    chosen = layers[1 :: max(1, len(layers) // cuts)]
    clean = wrong = 0
    for layer in chosen:
        verdict = Split(model, images, layer.name).clean
        clean += verdict
        wrong += verdict is not (exchanged(model, layer.name, images, others) < 1e-2)
    return {"cuts": len(chosen), "clean": clean, "wrong": wrong}


def exchanged(model, key, images, others):
    """Return the error of the output when `images` act on `others` at the cut only."""
    name, _, number = key.partition(":")
    module, kept, count = model.get_submodule(name), [], [0]

    def act(module, args, kwargs):
        count[0] += 1
        if count[0] != int(number or 1):
            return
        tensor = tensors((args, kwargs))[0]
        if kept:
            tensor.data.copy_(kept[0])
        else:
            kept.append(tensor.clone())

    with torch.no_grad():
        whole, apart = model(images.clone()), model(others.clone())
        with module.register_forward_pre_hook(act, with_kwargs=True):
            model(images.clone())
            count[0] = 0
            halves = model(others.clone())
    return float((halves - whole).abs().max() / (apart - whole).abs().max())


def is_frozen(model, images, layers):
    """Whether training moves f_b and leaves f_a as it is, to the bit."""
    split = Split(model, images, layers[len(layers) // 2].name)
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(split.trainable(), lr=1e-3, momentum=0.9, weight_decay=0.1)
    with split.frozen() as freeze:
        model.train()
        for _ in range(2):
            optimizer.zero_grad()
            output = model(images)
            nn.functional.cross_entropy(output, torch.arange(len(images))).backward()
            optimizer.step()
        freeze.check()
    after = model.state_dict()
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    model.load_state_dict(before)
    model.eval()
    return not moved & set(split.f_a_tensors) and bool(moved)


def costs(model, images, layers, repeats):
    """Return seconds of a plain pass, ratios to it, and memory in MB."""

    def plain():
        with torch.no_grad():
            model(images)

    def own():
        kept = []
        modules = dict(model.named_modules())
        names = {layer.name.partition(":")[0] for layer in layers}
        handles = [
            modules[name].register_forward_hook(lambda m, a, o: kept.append(tensors(o)[0].clone()))
            for name in names
        ]
        plain()
        for handle in handles:
            handle.remove()

    def collected():
        try:
            collect(model, images, point="pre", batch_size=BATCH)
        except ValueError:
            own()

    jobs = {
        "plain": plain,
        "list": lambda: list_layers(model, images),
        "collect": collected,
        "own": own,
    }
    seconds = {key: min(timed(job) for _ in range(repeats)) for key, job in jobs.items()}
    memory = {key: peak(job) for key, job in jobs.items()}
    return {
        "seconds": seconds["plain"],
        "ratios": {key: seconds[key] / seconds["plain"] for key in ("list", "collect", "own")},
        "megabytes": memory,
    }


def timed(job):
    """Return the processor time of a job."""
    start = time.process_time()
    job()
    return time.process_time() - start


def peak(job):
    """Return the most memory that a job took beyond what was in use before, in MB."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = kilobytes("VmRSS")
    job()
    return (kilobytes("VmHWM") - before) / 1024


def kilobytes(name):
    """Return one entry of what the kernel says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
