import PhotosUI
import SwiftUI
import TinyModels

@main
struct Demo: App {
    var body: some Scene {
        WindowGroup {
            TabView {
                PhotoView().tabItem { Label("Photo", systemImage: "photo") }
                TextView().tabItem { Label("Text", systemImage: "text.cursor") }
            }
        }
    }
}

/// Packages lie in the folder of documents, so that they can be exchanged without building anew.
func package(_ name: String) -> URL {
    URL.documentsDirectory.appending(path: "\(name).mlpackage")
}

struct PhotoView: View {
    @State private var item: PhotosPickerItem?
    @State private var answer = "Choose a photo."

    var body: some View {
        VStack(spacing: 20) {
            PhotosPicker("Photo", selection: $item, matching: .images)
            Text(answer).monospaced()
        }
        .padding()
        .task(id: item) { await classify() }
    }

    private func classify() async {
        guard let item else { return }
        do {
            guard let data = try await item.loadTransferable(type: Data.self),
                let source = CGImageSourceCreateWithData(data as CFData, nil),
                let image = CGImageSourceCreateImageAtIndex(source, 0, nil)
            else { return answer = "This photo cannot be read." }
            let found = try await Classifier(package: package("chapter7")).classify(image)
            answer = found.prefix(3)
                .map { "\(Int(($0.probability * 100).rounded())) %  \($0.name)" }
                .joined(separator: "\n")
        } catch {
            answer = "chapter7.mlpackage: \(error)"
        }
    }
}

struct TextView: View {
    @State private var prompt = "The "
    @State private var answer = ""

    var body: some View {
        VStack(spacing: 20) {
            TextField("Begin", text: $prompt)
            Button("Go on") { Task { await complete() } }
            Text(answer)
        }
        .padding()
    }

    private func complete() async {
        do {
            let model = try await TextModel(package: package("text"), length: 256)
            answer = prompt + (try await model.complete(prompt, bytes: 100))
        } catch {
            answer = "text.mlpackage: \(error)"
        }
    }
}
